// Command server is a small online service: each request costs a fixed amount of CPU.
//
//	GET /work?units=N    hash N times 4 KiB (10 by default), and say how long it took, in microseconds
//	GET /burn?s=N        keep every core busy for N seconds
//	GET /answers?count=N&every_ms=M&units=U
//	                     ask itself for work N times, every M milliseconds whether or not answers come; list how many
//	                     microseconds each answer took. From inside, so that no client's lack of CPU is counted.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func number(r *http.Request, name string, otherwise int) int {
	value, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || value < 0 {
		return otherwise
	}
	return value
}

func hash(units int) {
	block := make([]byte, 4096)
	for range units {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
	}
}

func work(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	hash(number(r, "units", 10))
	fmt.Fprintln(w, time.Since(began).Microseconds())
}

func burn(w http.ResponseWriter, r *http.Request) {
	end := time.Now().Add(time.Duration(number(r, "s", 1)) * time.Second)
	var burning sync.WaitGroup
	for range runtime.NumCPU() {
		burning.Add(1)
		go func() {
			defer burning.Done()
			for time.Now().Before(end) {
				hash(10)
			}
		}()
	}
	burning.Wait()
	fmt.Fprintln(w, "done")
}

func answers(w http.ResponseWriter, r *http.Request) {
	took := make([]int64, number(r, "count", 100))
	every := time.Duration(number(r, "every_ms", 50)) * time.Millisecond
	url := fmt.Sprintf("http://127.0.0.1:8080/work?units=%d", number(r, "units", 10))
	began := time.Now()
	var asking sync.WaitGroup
	for i := range took {
		asking.Add(1)
		go func() {
			defer asking.Done()
			due := began.Add(time.Duration(i) * every)
			time.Sleep(time.Until(due))
			if reply, err := http.Get(url); err == nil {
				_, _ = io.Copy(io.Discard, reply.Body)
				_ = reply.Body.Close()
			}
			took[i] = time.Since(due).Microseconds()
		}()
	}
	asking.Wait()
	_ = json.NewEncoder(w).Encode(took)
}

func main() {
	http.HandleFunc("/answers", answers)
	http.HandleFunc("/work", work)
	http.HandleFunc("/burn", burn)
	log.Fatal(http.ListenAndServe(":8080", nil))
}
