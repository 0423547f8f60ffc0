// Every command that a message of Rackboot names is in the table of commands: whoever types what it says is not told that there is no such
// thing.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import yargs from 'yargs';
import { addCommands } from '../../src/cli/command-line.ts';

const ROOT = dirname(dirname(import.meta.dirname));

const at = (value: unknown, key: string): unknown =>
  (typeof value === 'object' && value !== null) || typeof value === 'function' ? Reflect.get(value, key) : undefined;

function call(value: unknown, name: string): unknown {
  const found = at(value, name);
  assert.ok(typeof found === 'function', `yargs has ${name}`);
  return Reflect.apply(found, value, []);
}

/** The commands that were added to a parser, by name and by their aliases, with what adds their own. */
function commandsOf(parser: unknown): ReadonlyMap<string, unknown> {
  const instance = call(call(parser, 'getInternalMethods'), 'getCommandInstance');
  const handlers = call(instance, 'getCommandHandlers');
  assert.ok(typeof handlers === 'object' && handlers !== null);
  const names = new Map<string, unknown>(Object.entries(handlers).map(([name, one]) => [name, at(one, 'builder')]));
  for (const [alias, name] of Object.entries(at(instance, 'aliasMap') ?? {})) names.set(alias, names.get(String(name)));
  return names;
}

/** By command its own commands; empty: it has none, and what follows it is an argument. */
function readTable(): ReadonlyMap<string, ReadonlySet<string>> {
  const table = new Map<string, ReadonlySet<string>>();
  for (const [name, builder] of commandsOf(addCommands(yargs([]), () => undefined))) {
    const own = yargs([]);
    if (typeof builder === 'function') Reflect.apply(builder, undefined, [own]);
    table.set(name, new Set([...commandsOf(own).keys()].filter((one) => one !== '$0')));
  }
  return table;
}

interface Named {
  readonly file: string;
  readonly command: string;
  readonly next: string | undefined;
}

/** What is written behind `rackboot ` outside comments; a name in lower case alone counts. */
function namedIn(file: string): readonly Named[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .join('\n');
  const found = text.matchAll(/\brackboot ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?(?![a-z./@-])/g);
  return [...found].map(([, command = '', next]) => ({ file, command, next }));
}

/** Words of sentences whose subject is Rackboot or the command before them. */
const PROSE = new Set(['or', 'and', 'makes', 'prints', 'shows', 'says', 'lists', 'adds', 'names', 'first']);

test('every command that a message names is in the table, with what follows it', () => {
  const table = readTable();
  assert.ok(table.get('machines')?.has('unlock') && table.get('status')?.size === 0, 'the table was read');
  const named = globSync('src/**/*.ts', { cwd: ROOT }).flatMap(namedIn);
  assert.ok(named.length > 50, `only ${named.length} commands are named`);
  const wrong = named.filter(({ command, next }) => {
    if (PROSE.has(command)) return false;
    const own = table.get(command);
    if (own === undefined) return true;
    return own.size > 0 && next !== undefined && !PROSE.has(next) && !own.has(next);
  });
  assert.deepEqual(
    wrong.map(({ file, command, next }) => `${file}: rackboot ${command} ${next ?? ''}`),
    [],
  );
});
