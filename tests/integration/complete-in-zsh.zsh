# complete-in-zsh.zsh DIRECTORY LINE: what zsh offers for the line where a Tab is typed at its end, one a line. DIRECTORY
# holds the completion function, and zsh's index of all such. An interactive zsh does it, whose compadd prints what it adds.
# The marks are typed in halves: what is typed before the echo is off is read, too.
zmodload zsh/zpty
zpty shell "zsh -f -i"
zpty -w shell "PS1= PROMPT2= RPS1=; stty -echo; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -d ${(q)1}/.zcompdump"
zpty -w shell 'compadd () { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi; typeset -a found; builtin compadd -A found "$@"; print -rl -- FOU""ND:$^found; builtin compadd "$@"; }'
zpty -w shell 'zle -C offer complete-word _main_complete; bindkey "^I" offer; comppostfuncs=(finish); finish () { print -r -- EN""D; builtin exit }; print READ""Y'
zpty -r shell said '*READY*'
zpty -n -w shell "$2"$'\t'
zpty -r shell said '*END*'
print -r -- $said | tr -d '\r' | sed -n 's/.*FOUND://p'
zpty -d shell
