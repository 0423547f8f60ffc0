// Every command that a message of Rackboot names is in the table of commands, or in that of the operations, so a person who types it gets no
// "there is no such command".

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { findOperationNoun } from '../../src/cli/operations/commands.ts';
import { ownNouns } from '../../src/cli/operations/own-nouns.ts';
import { COMMAND_NAMES, commandWord } from '../../src/region/records/machine-commands.ts';
import { commandNames, tabledCommands } from '../support/command-table.ts';

const ROOT = dirname(dirname(import.meta.dirname));

interface Named {
  readonly file: string;
  readonly command: string;
  readonly next: string | undefined;
}

/** The words after `rackboot ` outside comments; only lower case counts. */
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

test('every command that a message names is in the table, with its subcommand', () => {
  const table = commandNames();
  assert.ok(table.get('machines')?.has('unlock') && table.get('status')?.size === 0, 'the table was read');
  const nouns = ownNouns();
  const isOperation = (noun: string, action = ''): boolean =>
    findOperationNoun(nouns, [noun, action])?.actions.some(({ name }) => name === action) === true;
  const named = globSync('src/**/*.ts', { cwd: ROOT }).flatMap(namedIn);
  assert.ok(named.length > 50, `only ${named.length} commands are named`);
  const wrong = named.filter(({ command, next }) => {
    if (PROSE.has(command) || isOperation(command, next)) return false;
    const own = table.get(command);
    if (own === undefined) return true;
    return own.size > 0 && next !== undefined && !PROSE.has(next) && !own.has(next);
  });
  assert.deepEqual(
    wrong.map(({ file, command, next }) => `${file}: rackboot ${command} ${next ?? ''}`),
    [],
  );
});

/** The options that a message names with a command, `rackboot images add FILE --os OS`, up to the end of its sentence or quotation. */
function optionsIn(file: string): readonly (Named & { readonly options: readonly string[] })[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line))
    .join('\n');
  const found = text.matchAll(
    /\brackboot ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?((?:\$\{[^}]*\}|[^`'";,:.<\n])* --[^`'";:<\n]*)/g,
  );
  return [...found].map(([, command = '', next, rest = '']) => ({
    file,
    command,
    next,
    options: [...rest.matchAll(/(?<= |\[)--([a-z][a-z-]*)/g)].map(([, option = '']) => option),
  }));
}

test('every option that a message names belongs to its command', () => {
  const table = tabledCommands();
  const named = globSync('src/**/*.ts', { cwd: ROOT }).flatMap(optionsIn);
  assert.ok(named.length > 12, `only ${named.length} are named with options`);
  const wrong = named.flatMap(({ file, command, next, options }) => {
    const found =
      table.find(({ words }) => words === `${command} ${next}`) ?? table.find(({ words }) => words === command);
    const missing = options.filter((option) => found?.options.has(option) !== true);
    return missing.map((option) => `${file}: rackboot ${command} ${next ?? ''} --${option}`);
  });
  assert.deepEqual(wrong, []);
});

test('refusals name the possible operations of a machine by their command, not by an alias', () => {
  const words = tabledCommands().map((command) => command.words);
  for (const name of COMMAND_NAMES) assert.ok(words.includes(`machines ${commandWord(name)}`), name);
});
