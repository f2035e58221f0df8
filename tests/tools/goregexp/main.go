// goregexp says what Go's own regexp makes of patterns: one question a line on standard input, one answer a line on
// standard output, as JSON.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
)

type question struct {
	Pattern string
	Texts   []string
}

// A list is null where its expression does not compile.
type answer struct {
	Anywhere []bool `json:"anywhere"`
	// Compiled alone first, then between ^(?: and )$.
	Whole []bool `json:"whole"`
	// Between ^ and $, as version 4 of the Go release wrote it.
	V4 []bool `json:"v4"`
}

func match(expression string, texts []string) []bool {
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return nil
	}
	verdicts := make([]bool, len(texts))
	for i, text := range texts {
		verdicts[i] = compiled.MatchString(text)
	}
	return verdicts
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	buffered := bufio.NewWriter(os.Stdout)
	defer buffered.Flush()
	out := json.NewEncoder(buffered)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		said := answer{Anywhere: match(asked.Pattern, asked.Texts), V4: match("^"+asked.Pattern+"$", asked.Texts)}
		if said.Anywhere != nil {
			said.Whole = match("^(?:"+asked.Pattern+")$", asked.Texts)
		}
		if err := out.Encode(said); err != nil {
			panic(err)
		}
	}
	if err := in.Err(); err != nil {
		panic(err)
	}
}
