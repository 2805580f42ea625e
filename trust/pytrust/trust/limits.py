"""Every size, count and time limit: name, unit, reason.

Values are chosen so that an honest collection of 10,000 tags passes and a hostile peer costs little.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# Metadata (the first four are python-tuf's and go-tuf's own figures, so that other clients agree with us).
ROOT_MAX_BYTES: Final = 512_000
TIMESTAMP_MAX_BYTES: Final = 16_384
SNAPSHOT_MAX_BYTES: Final = 2_000_000
TARGETS_MAX_BYTES: Final = 5_000_000
METADATA_MAX_VALUES: Final = 600_000  # a file of 33,000 tags, the most that fits, has half as many
METADATA_MAX_DEPTH: Final = 32  # nesting; deepest honest file: 8
ROOT_ROTATIONS_MAX: Final = 256  # new roots walked in one refresh
ROLES_MAX: Final = 32  # delegated roles consulted for one name; python-tuf's default
SIGNERS_MAX: Final = 28  # of one collection; leaves room for releases, profiles, scans and vex within ROLES_MAX

# Registry.
MANIFEST_MAX_BYTES: Final = 4 * 1024 * 1024  # OCI distribution specification, "Pushing Manifests"
TOKEN_MAX_BYTES: Final = 64 * 1024
ERROR_BODY_MAX_BYTES: Final = 64 * 1024
CREDENTIALS_MAX_BYTES: Final = 1024 * 1024  # docker's config.json, or what a credential helper prints
REDIRECTS_MAX: Final = 5
RESOLVE_CONCURRENCY: Final = 16  # simultaneous registry look-ups; enough to hide latency, few enough to be polite

# Time, seconds.
CONNECT_TIMEOUT: Final = 5.0
DEADLINE: Final = 10.0  # all of one verification, whatever the peers do
HELPER_TIMEOUT: Final = 10.0  # one credential helper
LOCK_TIMEOUT: Final = 10.0  # waiting for another pytrust process
CHUNK_BYTES: Final = 16_384  # read size: the most that arrives after a limit is passed

# Lifetimes. Root, targets and delegations live as long as Docker's tools make them (notary: 10, 3 and 3 years).
ROOT_LIFETIME: Final = timedelta(days=3650)
TARGETS_LIFETIME: Final = timedelta(days=3 * 365)
SNAPSHOT_LIFETIME: Final = timedelta(days=30)
TIMESTAMP_LIFETIME: Final = timedelta(days=14)
RENEW_ONLINE_BEFORE: Final = timedelta(days=7)  # a writer renews snapshot and timestamp this early
WARN_BEFORE: Final = timedelta(days=180)  # `status` points at offline roles this early, as docker does
OFFLINE_MAX_AGE: Final = timedelta(days=7)  # offline: how long the last refresh may lie back

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
CLOCK_GRANULARITY: Final = timedelta(hours=1)  # how often an unchanged cache is rewritten to remember the time

# Names: OCI distribution specification, and docker's reference grammar.
REFERENCE_MAX_CHARS: Final = 512  # host, 255 of repository, 128 of tag, a digest
COLLECTION_MAX_CHARS: Final = 240  # docker allows 255; a name is also the name of a cache file
TAG_MAX_CHARS: Final = 128
NAMES_MAX: Final = 10_000  # one command, one publish
NAMES_FILE_MAX_BYTES: Final = 4 * 1024 * 1024
KEY_FILE_MAX_BYTES: Final = 64 * 1024
PASSPHRASE_MIN_CHARS: Final = 8
PASSPHRASE_MAX_BYTES: Final = 1000  # openssl takes no more than 1023

# Notary v1. Its own clients read up to 100 MiB a file; the limits above hold here too.
SIGNATURES_MAX: Final = 64  # of one file; more than signers and thresholds can need
NOTARY_NAME_MAX_BYTES: Final = 255  # of a collection or a role: a column of the stock server's database
NOTARY_ROLE_MAX_BYTES: Final = NOTARY_NAME_MAX_BYTES + 1

# Authentication of the trust server.
AUTHORIZATION_MAX_CHARS: Final = 16_384  # a token with four RSA certificates in its header has 9,000
TOKEN_FORM_MAX_BYTES: Final = 32_768  # query or body of one question for a token; a refresh token has 500
TOKEN_FIELDS_MAX: Final = 64  # of that form; docker sends 7
SCOPES_MAX: Final = 32  # of one question for a token; docker sends 1, a registry's mount of a layer 2
HTPASSWD_MAX_BYTES: Final = 1024 * 1024
HTPASSWD_USERS_MAX: Final = 10_000
BCRYPT_COST_MAX: Final = 14  # 1.5 s a check; htpasswd -B makes 5, docker's documentation too
PASSWORD_MAX_BYTES: Final = 72  # bcrypt reads no more; what stands behind would be anything
PASSWORD_CHECKS: Final = 4  # at once; each keeps one core busy
PASSWORD_WAIT: Final = 5.0  # seconds for a place among those
PASSWORD_MEMORY: Final = 300.0  # seconds that a password need not be checked again
PASSWORDS_REMEMBERED: Final = 4096
FAILURES_BURST: Final = 10  # wrong passwords for one user from one address, at once
FAILURES_PER_SECOND: Final = 0.1  # and then
SPRAY_BURST: Final = 100  # wrong passwords from one address, whoever they are for: many people may share a proxy
SPRAY_PER_SECOND: Final = 1.0
BUCKETS_MAX: Final = 8192  # addresses and users remembered; of more, those that were quiet longest are forgotten
TOKEN_LIFETIME: Final = timedelta(seconds=300)  # of a token that we give; docker fetches one a command
REFRESH_LIFETIME: Final = timedelta(days=90)  # of what `docker login` keeps; after that it is time to log in again
TOKEN_LEEWAY: Final = timedelta(seconds=60)  # clocks differ; docker's registry allows as much
ISSUER_KEYS_MAX: Final = 100  # keys or certificates of an issuer of tokens
ISSUER_FILE_MAX_BYTES: Final = 1024 * 1024
CHAIN_MAX: Final = 8  # certificates in the header of a token; issuers have 1 to 3
PERMISSIONS_MAX: Final = 1000

# Key files of docker and notary.
PRIVATE_KEY_MAX_BYTES: Final = 5_000  # unencrypted: RSA of 8,192 bits has 4,700; to check a longer one takes minutes
KDF_ROUNDS_MAX: Final = 5_000_000  # of PBKDF2: a second; the tools write 2,048, we 600,000
NOTARY_KEYS_MAX: Final = 1_000  # of one folder; each takes half a second to seal

# The metadata store.
STORE_NUMBER_MAX: Final = 2**63 - 1  # a version or an id; what a column of SQLite and PostgreSQL holds
STORE_BATCH_MAX: Final = 64  # transactions that share one commit
STORE_BATCH_SECONDS: Final = 0.05  # since the first of them began; the longest that one waits for others
STORE_CONNECTIONS_MAX: Final = 8  # of one process to PostgreSQL, whose own default is 100 in all
STORE_STATEMENT_TIMEOUT: Final = 30.0  # seconds; one statement on PostgreSQL
STORE_IDLE_TIMEOUT: Final = 60.0  # seconds between two statements of one publish; then PostgreSQL lets others go on
NOTARY_SNAPSHOT_LIFETIME: Final = timedelta(days=3 * 365)  # as the stock server makes them

# What one Notary v1 collection may cost a server that many share.
NOTARY_FILE_KEYS_MAX: Final = 1_024  # keys in one file; a root keeps each certificate that it ever had
NOTARY_COLLECTION_MAX_BYTES: Final = 64_000_000  # its newest files together: every publish has them in memory

# The trust server's HTTP shell.
PATH_MAX_BYTES: Final = 2_048  # of a URL; a name and a role of 255 bytes, all percent-encoded, have 1,600
QUERY_MAX_BYTES: Final = 1_024  # of the changefeed
HEAD_MAX_BYTES: Final = 32_768  # of a request: AUTHORIZATION_MAX_CHARS and a browser's cookies
HEAD_TIMEOUT: Final = 10.0  # seconds for the head of a request, and between two on one connection
CHANGES_DEFAULT: Final = 100  # entries of the changefeed where a client asks for 0; notary-server's figure
CHANGES_MAX: Final = 1_000  # in one answer; whoever wants more asks again
UPLOAD_MAX_BYTES: Final = 20_000_000  # one publish; docker sends 10,000, targets of 33,000 tags are 5,000,000
UPLOAD_PARTS_MAX: Final = 64  # of one publish; docker sends 5
UPLOAD_PART_HEADERS_MAX: Final = 8  # of one part; Go writes 2
UPLOAD_PART_HEADER_MAX_BYTES: Final = 1_024
UPLOADS_MAX: Final = 64  # received or published at one time by one process
UPLOAD_SHARE_BYTES: Final = 262_144  # that each of them may hold without asking
UPLOADS_SHARED_BYTES: Final = 32_000_000  # that those which are larger hold together
UPLOAD_WAIT: Final = 20.0  # seconds for a place among them; then 503
UPLOAD_GRACE: Final = 10.0  # seconds for an upload, and one more for every
UPLOAD_BYTES_PER_SECOND: Final = 65_536  # bytes that came
READS_MAX: Final = 512  # waiting for the store at one time; then 503
READ_THREADS: Final = 8
WRITE_THREADS: Final = 16  # publishes of several collections share a commit
LOGIN_THREADS: Final = 8  # PASSWORD_CHECKS work at one time, others wait
LOGINS_MAX: Final = 64  # waiting for a password check at one time; then 503
PAGE_ROWS_MAX: Final = 500  # collections on the page
PAGE_SECONDS: Final = 30.0  # that the page is believed; it is costly to make
WORKERS_MAX: Final = 64
STOP_TIMEOUT: Final = 60  # seconds for what is under way when the server stops
IMPORT_DEADLINE: Final = 60.0  # seconds; every root and role of one collection from a server
CERTIFICATE_RENEW_BEFORE: Final = WARN_BEFORE  # a root that is signed anew gets a new certificate this early
TLS_FILE_MAX_BYTES: Final = 256 * 1024  # a certificate with its chain, or a key
TLS_LOOK_EVERY: Final = 30.0  # seconds between two looks at whether they changed
ANSWER_GRACE: Final = 10.0  # seconds in which a large answer is taken, and one more for every
ANSWER_BYTES_PER_SECOND: Final = 65_536  # bytes of it
UNREAD_TIMEOUT: Final = 30.0  # seconds in which a peer takes nothing of what was sent to it
CONNECTIONS_MAX: Final = 4096  # of one process, idle ones included; those end after HEAD_TIMEOUT

# The vault.
SECRET_MAX_BYTES: Final = 1024 * 1024  # one value; swarm takes less than 512,000, HashiCorp's KV about as much
SECRET_NAME_MAX_CHARS: Final = 200
SECRET_VERSIONS_MAX: Final = 100  # kept of one secret
SECRET_LABELS_MAX: Final = 32
SECRET_LABEL_MAX_CHARS: Final = 512
SECRET_READERS_MAX: Final = 64
SECRETS_MAX: Final = 1_000_000  # in one vault; their names and keys are in memory
SECRETS_AT_ONCE_MAX: Final = 100_000  # put in one step
VAULT_HEADER_MAX_BYTES: Final = 1024 * 1024  # 64 slots of 4 KB
VAULT_SLOTS_MAX: Final = 64
VAULT_TURNS_MAX: Final = 512  # new keys since a host saw the vault last; 80 KB of the header
VAULT_FRAME_MAX_BYTES: Final = 256 * 1024 * 1024  # the first of an epoch holds all names
VAULT_MANIFEST_MAX_BYTES: Final = 1024 * 1024 * 1024
VAULT_FRAMES_MAX: Final = 2**31  # under one key with random nonces: NIST SP 800-38D, 8.3
ARGON2_MEMORY_MIN: Final = 64 * 1024  # KiB; RFC 9106, section 4, second choice
ARGON2_MEMORY_MAX: Final = 1024 * 1024  # KiB; a header from elsewhere must not take more
ARGON2_PASSES_MIN: Final = 3
ARGON2_PASSES_MAX: Final = 64
ARGON2_LANES_MAX: Final = 16

# Logins, plain programs, and secrets from files (docker-credential-pytrust, run-with-secrets, secret import).
LOGIN_MAX_BYTES: Final = 64 * 1024  # what docker sends or a helper keeps; Go's helpers read lines of this length

# Ways to unlock the vault, and age files.
ARGON2_WORK_MAX: Final = 8 * 1024 * 1024  # KiB times passes: 20 s on two cores; calibration makes a twentieth
UNLOCK_TEXT_MAX_BYTES: Final = 4096  # an unlock key as somebody gives it; it has 57 characters
SLOT_PATH_MAX_CHARS: Final = 1024  # of a key file or a PKCS#11 module
SLOT_BLOB_MAX_CHARS: Final = 8192  # what a slot keeps of an age file or a token: 64 slots fit the header
SLOT_RECIPIENTS_MAX_CHARS: Final = 4096  # spelled out: 50 of X25519, 5 of RSA with 4,096 bits
KEYRING_DEADLINE: Final = 60.0  # seconds; somebody may have to unlock the desktop's keyring
PKCS11_URI_MAX_CHARS: Final = 512
PKCS11_PIN_MAX_BYTES: Final = 255  # more than tokens take
AGE_FILE_MAX_BYTES: Final = 128 * 1024 * 1024  # armor included; it is in memory three times
AGE_HEADER_MAX_BYTES: Final = 256 * 1024  # 350 recipients of RSA with 4,096 bits
AGE_STANZAS_MAX: Final = 1024
AGE_WORK_FACTOR_MAX: Final = 22  # of scrypt: 7 s and 4 GiB, age's own bound; age writes 18, rage up to 21
AGE_IDENTITIES_MAX_BYTES: Final = 64 * 1024  # of a file with private keys
AGE_IDENTITIES_MAX: Final = 64  # each is tried on each stanza
AGE_RECIPIENTS_MAX: Final = 256
AGE_RECIPIENT_MAX_CHARS: Final = 4096  # RSA with 16,384 bits has 2,760

# The agent that holds the vault open.
AGENT_REQUEST_MAX_BYTES: Final = 16 * 1024 * 1024  # of the owner: fifteen of the largest values in one step
AGENT_ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024  # a thousand secrets with all terms that they can have
AGENT_GUEST_REQUEST_MAX_BYTES: Final = 1024  # of another user, who can only name a secret
AGENT_CONNECTIONS_MAX: Final = 256  # at once; beyond, one of the user who has most goes, and the owner's last
AGENT_GUEST_CONNECTIONS_MAX: Final = 32  # of one other user
AGENT_GUEST_RATE: Final = 10.0  # requests a second of one other user; each is in the audit: 90 MB a day
AGENT_GUEST_BURST: Final = 512  # that he may make at once: twice what one program can want (SECRETS_WANTED_MAX)
AGENT_GUEST_PATIENCE: Final = 10.0  # seconds that one of them waits at most
AGENT_REFUSAL_SECONDS: Final = 0.02  # that a refusal to another user takes, whatever was looked at; 100 times the work
AGENT_BACKLOG: Final = 256  # connections that wait to be accepted
AGENT_REQUEST_TIMEOUT: Final = 10.0  # seconds from the first byte of a request to its last
AGENT_ANSWER_TIMEOUT: Final = 10.0  # seconds in which a client takes what is sent to it
AGENT_LOOK_INTERVAL: Final = 0.5  # seconds between two looks at clocks
AGENT_CLIENT_TIMEOUT: Final = 60  # seconds that a client waits; a change waits for the vault's lock, behind others
AGENT_POLL_INTERVAL: Final = 0.5  # seconds between two looks of a service that waits for the vault
AGENT_START_TIMEOUT: Final = 30.0  # seconds until an agent that was started listens
SECRETS_WANTED_MAX: Final = 256  # by one program; each is a file
MOUNTINFO_MAX_BYTES: Final = 16 * 1024 * 1024  # a host of 1,000 containers has some 5 MB

# Secrets on their way to another vault, and a vault in one file.
BUNDLE_MAX_BYTES: Final = AGE_FILE_MAX_BYTES // 2  # what age.encrypt takes; as JSON: 48 MB of values
VAULT_AUDIT_MAX_BYTES: Final = 8 * 1024**3 - 1  # of one epoch: what a head of ustar can say, 80 million reads
ENV_FILE_MAX_BYTES: Final = 1024 * 1024
ENV_FILE_MAX_KEYS: Final = 10_000  # in one file; honest ones have some dozens

# Secrets on their way into containers.
DELIVERED_SECRETS_MAX: Final = 32  # in one container; each is a file
DELIVERED_MAX_BYTES: Final = 4 * 1024 * 1024  # in one container
DELIVERED_LABEL_MAX_CHARS: Final = 16 * 1024  # what asks for them: 32 of the longest names, files and owners
DELIVERY_MAX_BYTES: Final = 256 * 1024 * 1024  # of the file system in memory: 64 containers with all they can have
DELIVERY_FILES_MAX: Final = 65536  # in it: folders and files of some thousand containers

# Profiles.
PROFILE_FILES_MAX: Final = 400  # patterns that recording proposes; with their evidence they have 60 kB
PROFILE_MAX_BYTES: Final = 128 * 1024  # one signed document; 80 calls, 600 files and their evidence have 70 kB
SECCOMP_FILE_MAX_BYTES: Final = 1024 * 1024  # a Docker seccomp file; its own default has 14 kB
SECCOMP_DIGITS_MAX: Final = 20  # of an argument: 64 bits without a sign

# Trials of containers on an engine.
TRIAL_START_TIMEOUT: Final = 15.0  # seconds; two on a busy host, for ever where the runtime is not let through
TRIAL_RUNTIME_GRACE: Final = 1.0  # seconds in which a runtime notices that what it started is gone; half of one does
TRIAL_STOP_GRACE: Final = 3.0  # seconds from the signal to stop to the end
TRIAL_REMOVE_TIMEOUT: Final = 5.0  # seconds for one attempt to remove a container; it hangs while its runtime does
TRIAL_REMOVE_ATTEMPTS: Final = 4
TRIAL_WORKLOAD_TIMEOUT: Final = 300.0  # seconds for a workload, unless somebody says more
RECORDING_ATTEMPTS: Final = 3  # at a run without losses; a busy host is calm one time in three
TRIAL_REPEAT_MIN: Final = 10.0  # seconds for a workload that worked before, at least
TRIAL_REPEAT_TIMES: Final = 20.0  # as long as it took then; a recorder that stops every call makes it ten
TRIAL_EXEC_TIMEOUT: Final = 60.0  # seconds for one command in a container
TRIAL_OUTPUT_MAX_BYTES: Final = 1024 * 1024  # kept of what a container, or a command in it, says
PROC_FILE_MAX_BYTES: Final = 64 * 1024  # of a process's control group or words, in proc(5)

# Images that are looked at without being run.
IMAGE_TAR_MAX_BYTES: Final = 16 * 1024**3  # of an image as the engine gives it; it is on disk while it is looked at
IMAGE_FILES_MAX: Final = 500_000  # files, folders and links of all layers; large ones have 200,000
IMAGE_LAYERS_MAX: Final = 256  # engines make 127 at most
IMAGE_PATH_MAX_CHARS: Final = 4096  # PATH_MAX of the kernel
IMAGE_LINKS_MAX: Final = 40  # links on the way to one file, as in the kernel
IMAGE_DOCUMENT_MAX_BYTES: Final = 4 * 1024 * 1024  # its manifest and its configuration; registries take 4 MB
IMAGE_TAR_HEAD_MAX_BYTES: Final = 1024 * 1024  # what a tar says of one file: long names, attributes
IMAGE_DEPTH_MAX: Final = 256  # folders in folders
IMAGE_WORDS_MAX: Final = 4096  # of an entrypoint or a command
IMAGE_EXPORT_TIMEOUT: Final = 120.0  # seconds without a byte: the engine reads a large layer before it sends one
ELF_FILE_MAX_BYTES: Final = 512 * 1024 * 1024  # one program or library; the largest in use have 250 MB
ELF_HEADERS_MAX: Final = 1024  # segments or sections that are read; linkers make some 40
ELF_ENTRIES_MAX: Final = 4_000_000  # symbols, relocations or functions of one file; a browser's library has 800,000
ELF_PIECES_MAX: Final = 64  # of code, and of what is loaded; honest files have six
ELF_NEEDED_MAX: Final = 256  # libraries that one file asks for; large ones ask for 100
ELF_OBJECTS_MAX: Final = 2048  # programs and libraries of one image that are looked at; a database has 150
ELF_CODE_MAX_BYTES: Final = 128 * 1024**2  # of all functions that are looked at: 20 s; a large server has 20 MB
ELF_WHOLE_BYTES: Final = 24 * 1024**2  # of code of a library: above, all of it counts, unread; LLVM's has 60 MB
ELF_WORK_MAX: Final = 20_000_000  # references that are followed: 20 s; a large server has 600,000
ELF_SITE_MAX_BYTES: Final = 64 * 1024  # one function that is disassembled; the largest of C libraries have 20 kB
ELF_TRACE_STEPS_MAX: Final = 200_000  # instructions that one value is followed through; the most seen are 30,000
ELF_TRACE_ALL_MAX: Final = 5_000_000  # of all values of one program; 100,000 are usual
ELF_JUMPS_MAX: Final = 64  # through tables, of one function that values are followed through
STATIC_PROGRAMS_MAX: Final = 256  # of one image; a script names some dozens
SCRIPT_MAX_BYTES: Final = 1024 * 1024  # read of a script; entrypoints have some kB
SEARCH_FOLDERS_MAX: Final = 64  # that a path of folders names

# What is signed about single images.
STATEMENT_MAX_BYTES: Final = 1024 * 1024  # a scan of 10,000 findings; most have some hundreds
STATEMENTS_MAX_BYTES: Final = 4_500_000  # of one role, spelled as JSON; the rest of its file is for signatures
PROFILES_LIFETIME: Final = timedelta(days=180)  # a profile was proven on programs and runtimes that change
PROFILES_WARN_BEFORE: Final = timedelta(days=30)
SCANS_LIFETIME: Final = timedelta(days=3)  # so long can somebody who cuts the line hide what was found since
SCANS_WARN_BEFORE: Final = timedelta(days=1)
VEX_LIFETIME: Final = timedelta(days=90)  # what does not affect a program does so after its next change
VEX_WARN_BEFORE: Final = timedelta(days=14)

# Recording what a container does.
AUDIT_BUFFER_BYTES: Final = 128 * 1024 * 1024  # of the socket, in the kernel: 100,000 records that nobody has read yet
FORKS_BUFFER_BYTES: Final = 16 * 1024 * 1024  # of the process connector's: 20,000 events, three for a short process
AUDIT_RECORD_MAX_BYTES: Final = 16 * 1024  # the kernel's are below 9 kB (MAX_AUDIT_MESSAGE_LENGTH)
AUDIT_GAP_MAX: Final = 1_000_000  # serial numbers that are awaited one by one
FLOORS_MAX_BYTES: Final = 256 * 1024  # of the file; one floor has some 600 bytes
AUDIT_QUEUE_LENGTH: Final = 65536  # records in the kernel's queue, while somebody records; its own limit is 64
AUDIT_UNREAD_MAX: Final = 200_000  # records that wait until the workload is over; 80 MB
AUDIT_LATE_TIMEOUT: Final = 3.0  # seconds for a record that has a number; a busy host takes it off the processor
AUDIT_ANSWER_TIMEOUT: Final = 30.0  # seconds in which the kernel's queue runs empty; a slow console takes 4 ms a record

# Comparing profiles.
PROFILE_CASES_MAX: Final = 4096  # combinations of arguments of one call that are looked at; Docker's default has 52
PROFILE_WORK_MAX: Final = 100_000  # conditions that one comparison looks at: a tenth of a second; Docker's own: 3,000
PROFILE_RULES_MAX: Final = 4_000  # names times conditions of one filter; Docker's default has 600
PROFILE_PHRASES_MAX: Final = 200  # of what one seccomp file lets through and another does not
GLOB_STATES_MAX: Final = 20_000  # of the automaton for one comparison of AppArmor's files; 600 rules need 5,000

# Calls that confined containers were refused while they ran.
DENIALS_PER_CONTAINER_MAX: Final = 512  # rows: a program and a call; a container that tries all calls has some 400
DENIALS_MAX: Final = 20_000  # rows on disk: 5 MB; the oldest go
DENIALS_RATE: Final = 1000.0  # looked at in a second: 3 % of a core; the kernel keeps some and counts the rest as lost
DENIALS_BURST: Final = 5000  # looked at without a pause: what a program does that starts badly
DENIALS_LOUD: Final = 200  # refusals of one thread in a second, after which it is left out for a while
DENIALS_MUTED_FOR: Final = 10.0  # seconds; then it is heard again
DENIALS_MUTE_INTERVAL: Final = 0.25  # seconds between two changes of whom is left out; each costs a millisecond
DENIALS_MUTED_MAX: Final = 32  # threads at once: words of the kernel's filter, which it looks at for each EPERM
DENIALS_FLUSH_INTERVAL: Final = 1.0  # seconds until what was seen is on disk
DENIALS_CONTAINERS_MAX: Final = 1024  # of which the profile is kept in memory
DENIALS_LOOK_AGAIN: Final = 30.0  # seconds until a container that was not known is asked for again
DENIALS_PROCESSES_MAX: Final = 65_536  # whose names and parents are kept: twice a busy host's
DENIALS_RING_PAGES: Final = 64  # of the kernel's ring for each processor, a power of two: 3,000 records

# AppArmor.
APPARMOR_GLOB_MAX_CHARS: Final = 4096  # one pattern for paths; a path has no more bytes (PATH_MAX)
APPARMOR_GLOB_MAX_DEPTH: Final = 8  # braces within braces; the parser takes 49, and the automaton grows with each
APPARMOR_STEPS_MAX: Final = 100_000  # states, until it is left open whether a pattern takes in another: a second
APPARMOR_RULES_MAX: Final = 4096  # for files, in one profile; some hundred are usual
APPARMOR_TEXT_MAX_BYTES: Final = 2 * 1024 * 1024  # one profile as text: what a document can hold, all in octal
APPARMOR_BINARY_MAX_BYTES: Final = 16 * 1024 * 1024  # compiled; one of 600 rules has 100 kB
APPARMOR_PARSER_TIMEOUT: Final = 30.0  # seconds; 600 rules take half a second
APPARMOR_PARSER_MAX_BYTES: Final = 1024**3  # of memory; 600 rules take 30 MB, ** before many ? all there is
APPARMOR_LOADED_MAX_BYTES: Final = 4 * 1024 * 1024  # the kernel's list of loaded profiles
BANE_FILE_MAX_BYTES: Final = 1024 * 1024  # a file of bane; its own examples have 2 kB

# Seccomp: programs, and how they are tried.
SECCOMP_PROBES_MAX: Final = 20_000  # arguments tried for one call; two masks of 64 bits on two arguments make 5,000
SECCOMP_DIFFERENCES_MAX: Final = 100  # kept of those between rules and program; one is too many
SECCOMP_PROGRAM_MAX: Final = 4096  # instructions, the kernel's own (BPF_MAXINSNS); Docker's default has 400
SECCOMP_KERNEL_PROBES_MAX: Final = 50_000  # calls made at once to hear the kernel's opinion; they take a second
SECCOMP_KERNEL_DEADLINE: Final = 20.0  # seconds for all of them; each that kills its process costs 2 ms
