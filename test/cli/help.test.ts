// `rackboot --help`: it lists every command of the table once, in its group.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import yargs from 'yargs';
import { DAEMON_FLAGS } from '../../bin/daemon-flags.js';
import { addCommands } from '../../src/cli/commands.ts';
import { asksForHelp, COMMAND_GROUPS, groupedHelp, nameHelp } from '../../src/cli/help.ts';
import { commandNames } from '../support/command-table.ts';

/** Commands for the installation only. */
const UNSHOWN = ['warm'];
const LINES_MAX = 76;
/** Characters of no column or of two: marks, and those of East Asia and of pictures. */
const WIDE = /[\p{M}\p{Cf}\u1100-\u115f\u2e80-\uffdc\u{1f000}-\u{3fffd}]/u;

const readHelp = (width?: number): Promise<string> =>
  groupedHelp(
    addCommands(yargs([]), () => undefined),
    width,
  );

test('every command of the table is in one group, and every command of a group is in the table', () => {
  const grouped = COMMAND_GROUPS.flatMap(({ commands }) => commands);
  const table = [...commandNames().keys()].filter((name) => !UNSHOWN.includes(name));
  assert.ok(table.length > 20);
  assert.deepEqual(grouped.toSorted(), table.toSorted());
});

test('the help describes each command, in few lines, at every width of the terminal', async () => {
  for (const width of [undefined, 80, 110, 300]) {
    const lines = (await readHelp(width)).split('\n');
    assert.ok(lines.length <= LINES_MAX, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= Math.min(width ?? 100, 110), line);
    for (const { title, commands } of COMMAND_GROUPS) {
      const from = lines.indexOf(`${title}:`);
      assert.ok(from > 0, title);
      const rest = lines.slice(from + 1);
      const group = rest.slice(0, rest.indexOf(''));
      const named = group.flatMap((line) => /^ {2}([a-z][a-z-]*).* {2}\S/.exec(line)?.[1] ?? []);
      assert.deepEqual(named, commands, group.join('\n'));
    }
  }
});

test('the help has only characters that are one column wide, so that no command loads tables of wide ones', () => {
  const root = join(import.meta.dirname, '..', '..');
  for (const file of globSync('src/cli/**/*.ts', { cwd: root }))
    assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), WIDE, file);
  // The real measure would find two columns.
  const program =
    "import('cliui').then(({ default: ui }) => { const u = ui({ width: 8, wrap: true }); u.div('界界界界界'); console.log(u.toString()) })";
  const said = execFileSync(process.execPath, [...DAEMON_FLAGS, '-e', program], { encoding: 'utf8', cwd: root });
  assert.equal(said.trim(), '界界界界界');
});

test('an option alone requests the help of all commands, a name that of one', () => {
  for (const [words, isOfAll] of [
    ['--help', true],
    ['-h --json', true],
    ['machines --help', false],
    ['--help machines', false],
    ['--version', false],
    ['', false],
  ] as const)
    assert.equal(asksForHelp(words.split(' ').filter((word) => word !== '')), isOfAll, words);
  assert.deepEqual(nameHelp(['help']), ['--help']);
  assert.deepEqual(nameHelp(['help', 'machines', 'list']), ['machines', 'list', '--help']);
  assert.deepEqual(nameHelp(['machines', 'help']), ['machines', 'help']);
});
