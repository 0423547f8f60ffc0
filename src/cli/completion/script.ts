// The scripts that let a shell complete the words of `rackboot`, and of MAAS's name for it, an
// alias or a file that runs `rackboot maas`. Each asks this program with the words up to the
// cursor, the name of the program first.
//
// 1. A host that has MAAS's own `maas` keeps the completion of that program, unless the name is an
//    alias or a file of ours.

const ASK = 'rackboot --get-yargs-completions';

const BASH = `# bash completes rackboot: eval "$(rackboot completion)" in ~/.bashrc
_rackboot_completions()
{
    local proposals
    mapfile -t proposals < <(${ASK} "\${COMP_WORDS[@]:0:COMP_CWORD+1}")
    mapfile -t COMPREPLY < <(compgen -W "$(printf '%q ' "\${proposals[@]}")" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o nosort -o bashdefault -o default -F _rackboot_completions rackboot
# bash completes an alias by its name.
if [[ "\${BASH_ALIASES[maas]}" == *rackboot* ]] || ! type -P maas > /dev/null || grep -q "exec .*rackboot" "$(type -P maas)"; then
    complete -o nosort -o bashdefault -o default -F _rackboot_completions maas
fi`;

const ZSH = `#compdef rackboot
# zsh completes rackboot: eval "$(rackboot completion)" in ~/.zshrc, after compinit
_rackboot_completions()
{
  local -a proposals
  proposals=("\${(@f)$(${ASK} "\${(@)words[1,CURRENT]}")}")
  if [[ -n "$proposals" ]]; then
    _describe -V 'values' proposals
  else
    _default
  fi
}
if [[ "\${zsh_eval_context[-1]}" == "loadautofunc" ]]; then
  _rackboot_completions "$@"
else
  compdef _rackboot_completions rackboot
  if grep -qs "exec .*rackboot" "\${commands[maas]}"; then
    compdef _rackboot_completions maas
  fi
fi`;

const FISH = `# fish completes rackboot: rackboot completion > ~/.config/fish/completions/rackboot.fish
complete --no-files --keep-order --command rackboot --arguments '(${ASK} (commandline -opc) (commandline -ct))'`;

/** The script for the shell of a process; bash's if the shell is unknown. */
export function completionScript({ SHELL = '', ZSH_NAME = '' }: Readonly<Record<string, string | undefined>>): string {
  if (SHELL.includes('zsh') || ZSH_NAME.includes('zsh')) return ZSH;
  return SHELL.includes('fish') ? FISH : BASH;
}
