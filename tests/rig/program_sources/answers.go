// A small web server for loopback: / says the word of /data/word, /work makes garbage and goroutines, /write writes a
// file. HUP reads the word again, TERM ends it with 0.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
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
	word.Store(string(text))
}

func work(out http.ResponseWriter, _ *http.Request) {
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
	fmt.Fprintln(out, sum)
}

func write(out http.ResponseWriter, asked *http.Request) {
	body, _ := io.ReadAll(asked.Body)
	if os.WriteFile("/tmp/written", body, 0o600) != nil {
		out.WriteHeader(500)
	}
}

func main() {
	load()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	http.HandleFunc("/", func(out http.ResponseWriter, _ *http.Request) { fmt.Fprint(out, word.Load()) })
	http.HandleFunc("/work", work)
	http.HandleFunc("/write", write)
	go func() {
		for which := range signals {
			if which == syscall.SIGTERM {
				os.Exit(0)
			}
			load()
		}
	}()
	fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
	os.Exit(1)
}
