// Names of things in a line of a shell: machines, images, keys of the configuration, interfaces.
//
// 1. A name costs no start of the parser, and no reading of the configuration but for the line that
//    names the state directory.
// 2. Who may not ask the daemon, or reads no tree, gets none: a completion reports nothing.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_STATE_DIR } from '../../config/state-dir.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { defaultConfig } from '../../control/default-config.ts';
import { NAMED_COMMANDS } from '../terminal/named-commands.ts';

type Place = (line: readonly string[]) => readonly string[] | Promise<readonly string[]>;

/** Commands of `machines` whose argument is no machine that is there. */
const WITHOUT_MACHINE: ReadonlySet<string> = new Set(['add', 'list']);
const ofMachine = (NAMED_COMMANDS.machines ?? '').split(' ').filter((name) => !WITHOUT_MACHINE.has(name));

const findConfigPath = (line: readonly string[]): string =>
  line[line.indexOf('--config') + 1 || line.length] ?? defaultConfig();

/** A value of the file's top level or of `boot`, as a person writes a path. */
function pathIn(config: string, key: string): string | undefined {
  try {
    return new RegExp(`^ *${key}: *['"]?(/[^'"#\\s]*)`, 'm').exec(readFileSync(config, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

const findStateDir = (line: readonly string[]): string =>
  pathIn(findConfigPath(line), 'state_dir') ?? DEFAULT_STATE_DIR;

async function machineNames(line: readonly string[]): Promise<readonly string[]> {
  const names = await askDaemon(findStateDir(line), '/machine-names').catch(() => []);
  return Array.isArray(names) ? names.map(String) : [];
}

/** The names that `images list` shows: those of the manifests (`images/store/image-store.ts`). */
function imageNames(line: readonly string[]): readonly string[] {
  const tree = pathIn(findConfigPath(line), 'tree') ?? join(findStateDir(line), 'boot');
  try {
    const files = readdirSync(join(tree, 'images', '.manifests'));
    return files.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5).replaceAll('~', '/'));
  } catch {
    return [];
  }
}

const systemNames = (line: readonly string[]): readonly string[] => [
  ...new Set(imageNames(line).map((name) => name.split('/').slice(0, 2).join('/'))),
];

async function configKeys(): Promise<readonly string[]> {
  const { KEYS } = await import('../../config/keys.ts');
  return KEYS;
}

const interfaceNames = (): readonly string[] => readdirSync('/sys/class/net').filter((name) => name !== 'lo');

/** What an argument names, by the words before it without options. */
const ARGUMENTS: readonly (readonly [before: RegExp, Place])[] = [
  [new RegExp(`^machines (?:${ofMachine.join('|')})$`), machineNames],
  [/^machines (?:merge|keep-apart) \S+$/, machineNames],
  [/^power (?:cycle|off|on|set|status)$/, machineNames],
  [/^(?:trace|why|scripts results|preseed render)$/, machineNames],
  [/^machines deploy \S+$/, systemNames],
  [/^images (?:export|remove)(?: |$)/, imageNames],
  [/^config (?:add|get|remove|show)$/, configKeys],
  [/^config unset(?: |$)/, configKeys],
  [/^config set(?: |$)/, async () => (await configKeys()).map((key) => `${key}=`)],
];
const OPTIONS: Readonly<Record<string, Place>> = { '--interface': interfaceNames, '--machine': machineNames };

/**
 * @param typed the words after `rackboot`; the last one is being typed @returns undefined if it
 * names no such thing
 */
export async function proposeNames(typed: readonly string[]): Promise<readonly string[] | undefined> {
  const last = typed.at(-1) ?? '';
  const ofOption = OPTIONS[typed.at(-2) ?? ''];
  if (ofOption !== undefined) return await ofOption(typed);
  if (last.startsWith('-')) return undefined;
  const before = typed.slice(0, -1).filter((word, at) => !word.startsWith('-') && typed[at - 1] !== '--config');
  return await ARGUMENTS.find(([place]) => place.test(before.join(' ')))?.[1](typed);
}
