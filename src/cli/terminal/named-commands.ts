// The commands that sentences name: `rackboot leases list`. Shown on this host, the words become a
// command that works as typed: `node bin/rackboot.js leases list --config FILE`. Pure.
//
// 1. Only the words of a command change (test/cli/terminal/named-commands.test.ts compares the
//    table with the command line's), not a sentence whose subject is Rackboot, a user or a service
//    of that name.
// 2. A command for another host keeps its words.
// 3. Where root runs the command, named commands that need its rights begin with `sudo`.

import { commandAliases, commandWord, ROW_NAMES } from '../../region/records/machine-commands.ts';

/** Every command, with aliases; after a group, its commands. */
export const NAMED_COMMANDS: Readonly<Record<string, string>> = {
  apikey: '',
  backup: '',
  boot: '',
  check: '',
  completion: '',
  config: 'add export get remove set show unset',
  createadmin: '',
  doctor: '',
  events: '',
  hosts: 'add import list remove',
  images:
    'add available build check-sources export fsck import import-installer key list make-debian mirror remove selections sources upload',
  'import-maas': '',
  init: '',
  lab: '',
  leases: 'clear end import list show',
  'log-level': '',
  loaders: 'install list',
  login: '',
  logout: '',
  maas: '',
  machines: [
    'add debug-login keep-apart list logins merge move remove rename show split',
    ...ROW_NAMES.flatMap((name) => [commandWord(name), ...commandAliases(name)]),
  ].join(' '),
  neighbours: '',
  networks: 'add change list remove',
  outbox: '',
  page: '',
  password: '',
  power: 'check cycle key off on set status',
  preseed: 'list render show',
  racks: 'accept list reject remove',
  region: 'backup check copy restore run',
  replay: '',
  reset: '',
  restore: '',
  run: '',
  scripts: 'add list remove results show',
  sshkeys: 'add list remove',
  status: '',
  tags: 'add list remove set update-nodes',
  trace: '',
  users: 'add list remove',
  warm: '',
  why: '',
};

/** Commands for this host that MAAS's client has as well. */
export const MAAS_HOST_COMMANDS = ['status', 'config', 'createadmin', 'apikey'];

/** Commands that read no configuration. */
export const WITHOUT_CONFIG: ReadonlySet<string> = new Set([
  'boot',
  'completion',
  'lab',
  'login',
  'logout',
  'maas',
  'region copy',
  'warm',
]);

/** Commands that need no rights of root on any host. */
const WITHOUT_ROOT: ReadonlySet<string> = new Set(['completion', 'lab', 'login', 'logout', 'maas', 'warm']);

/** A group inside a group: the command in that one. */
const INNER = '(?:(?<= images (?:selections|sources)) (?:add|list|remove|set)(?![\\w-]))?';
const words = Object.entries(NAMED_COMMANDS).map(([command, group]) =>
  group === '' ? command : `${command}(?: (?:${group.replaceAll(' ', '|')})(?![\\w-])${INNER})?`,
);
const COMMAND = new RegExp(
  `(?<![\\w./@-])(?<!\\bon (?:its|the) region: (?:sudo )?)rackboot (?:(--help|--version|COMMAND)|(${words.join('|')}))(?![\\w-])`,
  'g',
);
/** The words after a command of another host. */
const ELSEWHERE = /^[^`\n]{0,200}`? on the host of /;
const HELP = /^ --help\b/;
/** The words after a command that names its configuration, or needs none. */
const CONFIGURED = /^ --help\b|^[^`\n]{0,400} --config /;

export interface CommandNaming {
  /** `rackboot`, or the words that run the main file of a checkout. */
  readonly program: string;
  /** The option that names the configuration, after a space; empty for the default one. */
  readonly config: string;
  /** True if root runs this command. */
  readonly isRoot?: boolean | undefined;
}

/** A text in which named commands work as typed on this host. */
export function nameCommands(text: string, { program, config, isRoot = false }: CommandNaming): string {
  if ((program === 'rackboot' && config === '' && !isRoot) || !text.includes('rackboot ')) return text;
  return text.replace(
    COMMAND,
    (match: string, general: string | undefined, command: string | undefined, at: number) => {
      const rest = text.slice(at + match.length);
      if (command === undefined) return `${program} ${general ?? ''}`;
      const hasRights = !isRoot || WITHOUT_ROOT.has(command) || HELP.test(rest) || text.slice(0, at).endsWith('sudo ');
      const sudo = hasRights ? '' : 'sudo ';
      if (ELSEWHERE.test(rest)) return `${sudo}${match}`;
      const isConfigured = WITHOUT_CONFIG.has(command) || CONFIGURED.test(rest);
      return `${sudo}${program} ${command}${isConfigured ? '' : config}`;
    },
  );
}
