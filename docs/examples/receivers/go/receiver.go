// Keeps each notification as a file in INBOX/new before it answers; the work moves it to INBOX/done.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const longest = 512 * 1024

var isID = regexp.MustCompile(`^[\w-]+$`)

type receiver struct {
	authorization, inbox string
	key                  []byte
	lock                 sync.Mutex
	arrived              chan struct{}
}

func setting(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("%s is not set", name)
	}
	return value
}

func (r *receiver) isSigned(body []byte, id, timestamp, signatures string) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, r.key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Split(signatures, " ") {
		if hmac.Equal([]byte(signature), []byte(expected)) {
			return true
		}
	}
	return false
}

func (r *receiver) receive(request *http.Request) int {
	given := []byte(request.Header.Get("Authorization"))
	if subtle.ConstantTimeCompare(given, []byte(r.authorization)) != 1 {
		return http.StatusUnauthorized
	}
	if request.ContentLength < 0 || request.ContentLength > longest {
		return http.StatusRequestEntityTooLarge
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return http.StatusBadRequest
	}
	id, header := request.Header.Get("webhook-id"), request.Header.Get
	if !r.isSigned(body, id, header("webhook-timestamp"), header("webhook-signature")) || !isID.MatchString(id) {
		return http.StatusUnauthorized
	}
	if err := r.keep(id, body); err != nil {
		log.Print(err)
		return http.StatusInternalServerError
	}
	select {
	case r.arrived <- struct{}{}:
	default: // the work is called already
	}
	return http.StatusNoContent
}

// keep has it on disk under its id, whole; a repeat changes nothing.
func (r *receiver) keep(id string, body []byte) error {
	r.lock.Lock()
	defer r.lock.Unlock()
	if _, err := os.Stat(filepath.Join(r.inbox, "done", id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := filepath.Join(r.inbox, "new", "."+id)
	file, err := os.Create(draft)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(body); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(draft, filepath.Join(r.inbox, "new", id)); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Join(r.inbox, "new"))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func (r *receiver) workOn(id string) error {
	path := filepath.Join(r.inbox, "new", id)
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var notification struct {
		Event    string          `json:"event"`
		Resource json.RawMessage `json:"resource"`
	}
	if err := json.Unmarshal(body, &notification); err != nil {
		return err
	}
	fmt.Println(id, notification.Event) // the shop's own work
	r.lock.Lock()
	defer r.lock.Unlock()
	return os.Rename(path, filepath.Join(r.inbox, "done", id))
}

func (r *receiver) work() {
	for {
		files, err := os.ReadDir(filepath.Join(r.inbox, "new"))
		if err != nil {
			log.Print(err)
		}
		for _, file := range files {
			if strings.HasPrefix(file.Name(), ".") {
				continue
			}
			if err := r.workOn(file.Name()); err != nil {
				log.Print(err)
			}
		}
		select {
		case <-r.arrived:
		case <-time.After(time.Second): // what failed is tried again
		}
	}
}

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(setting("WEBHOOK_SECRET"), "whsec_"))
	if err != nil {
		log.Fatal(err)
	}
	r := &receiver{authorization: setting("WEBHOOK_AUTHORIZATION"), inbox: setting("INBOX"), key: key,
		arrived: make(chan struct{}, 1)}
	for _, folder := range []string{"new", "done"} {
		if err := os.MkdirAll(filepath.Join(r.inbox, folder), 0o700); err != nil {
			log.Fatal(err)
		}
	}
	go r.work()
	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	handler := http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		status := r.receive(request)
		if status != http.StatusNoContent {
			answer.Header().Set("Connection", "close") // the rest of the body isn't read
		}
		answer.WriteHeader(status)
	})
	server := &http.Server{Addr: "127.0.0.1:" + port, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
