// A small server for loopback: one line in, one line out. "file" says the word of /data/word, "work" makes garbage and
// goroutines, "write" writes a file; anything else: no. HUP reads the word again, TERM ends it with 0.
package main

import (
	"bufio"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

var word atomic.Value

func load() {
	text, err := os.ReadFile("/data/word")
	if err != nil {
		os.Exit(2)
	}
	word.Store(strings.TrimSpace(string(text)))
}

func work() string {
	var all sync.WaitGroup
	var sum int64
	for number := 0; number < 64; number++ {
		all.Add(1)
		go func(size int) {
			defer all.Done()
			atomic.AddInt64(&sum, int64(len(make([]byte, size*16384+1))))
		}(number)
	}
	all.Wait()
	return strconv.FormatInt(sum, 10)
}

func answer(line string) string {
	switch line {
	case "file":
		return word.Load().(string)
	case "work":
		return work()
	case "write":
		if os.WriteFile("/tmp/written", make([]byte, 100000), 0o600) == nil {
			return "yes"
		}
	}
	return "no"
}

func serve(peer net.Conn) {
	defer peer.Close()
	lines := bufio.NewScanner(peer)
	for lines.Scan() {
		if _, err := peer.Write([]byte(answer(lines.Text()) + "\n")); err != nil {
			return
		}
	}
}

func main() {
	load()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	go func() {
		for which := range signals {
			if which == syscall.SIGTERM {
				os.Exit(0)
			}
			load()
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	for {
		if peer, err := listener.Accept(); err == nil {
			go serve(peer)
		}
	}
}
