// The real command line takes every command of `rackboot` that the documents show, with its flags. e2e/documents.test.ts runs
// those that can be run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandParser } from '../../src/cli/commands.ts';
import { COMMAND_GROUPS } from '../../src/cli/help.ts';
import { UsageError } from '../../src/cli/usage-error.ts';
import { tabledCommands } from '../support/command-table.ts';
import { goesOn, isNotRun } from './commands.ts';
import { commandsOf, documentPaths, inlineCodeOf, partsOf, readDocument } from './markdown.ts';

/** Thrown in place of running a command that was understood. */
class Understood extends Error {}

/** Why the command line does not take these words; undefined: it does. */
async function refusal(given: readonly string[]): Promise<string | undefined> {
  // The parser prints the help of a command before it runs anything, and ends the process.
  const words = given.filter((word) => word !== '--help');
  if (words.length === 0) return undefined;
  const parser = await commandParser(words, () => undefined);
  parser.exitProcess(false);
  // Called between the checks and the command itself.
  parser.middleware(() => {
    throw new Understood();
  });
  try {
    await parser.parseAsync();
    return 'no command to run';
  } catch (error) {
    if (error instanceof Understood) return undefined;
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** The words of each `rackboot …` in a line of shell, in or behind anything else. */
function rackbootCommands(line: string): string[][] {
  return [...line.matchAll(/(?:^|sudo |[|;&(] ?)rackboot((?: (?:'[^']*'|"[^"]*"|[^\s|&;()<>'"]+))+)/g)].map(
    ([, text = '']) =>
      [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
        ([, single, double, plain]) => single ?? double ?? plain ?? '',
      ),
  );
}

const shown = documentPaths()
  .filter((path) => path !== 'CHANGELOG.md')
  .flatMap((path) => {
    const text = readDocument(path);
    const blocks = partsOf(text).flatMap((part) =>
      part.kind === 'block' && /^(bash|sh|console)$/.test(part.language) ? [part] : [],
    );
    return [
      ...blocks.flatMap((block) =>
        commandsOf(block).map(({ command, line, output }) => ({ path, line, command, output, isWhole: true })),
      ),
      ...inlineCodeOf(text)
        .filter(({ code }) => /^(sudo )?rackboot /.test(code))
        .map(({ code, line }) => ({ path, line, command: code, output: [], isWhole: false })),
    ];
  });

test('the command line takes every command that is shown', async () => {
  const wrong: string[] = [];
  let count = 0;
  for (const { path, line, command, output, isWhole } of shown) {
    // A mistake is shown as one.
    if (output[0]?.includes('Did you mean')) continue;
    for (const words of rackbootCommands(command)) {
      count += 1;
      const given = words.filter((word) => word !== '…');
      const why = await refusal(given);
      // In a sentence a command may be named without what belongs to it.
      const isPart = !isWhole && why !== undefined && /^(name |Not enough|Missing required)/.test(why);
      if (why !== undefined && !isPart) wrong.push(`${path}:${line}: rackboot ${given.join(' ')}: ${why}`);
    }
  }
  assert.ok(count > 150, `${count} commands`);
  assert.deepEqual(wrong, []);
});

test('every visible command stands in a document', () => {
  const text = documentPaths()
    .filter((path) => path !== 'CHANGELOG.md')
    .map(readDocument)
    .join('\n')
    .replace(/\s+/g, ' ');
  const visible = new Set(COMMAND_GROUPS.flatMap(({ commands }) => commands));
  const left = tabledCommands()
    .map(({ words }) => words)
    .filter((words) => visible.has(words.split(' ')[0] ?? ''))
    .filter((words) => {
      const [group = '', last] = words.split(' ');
      if (new RegExp(`\\brackboot ${words}\\b`).test(text)) return false;
      // A row of a table names several: `rackboot machines broken`, `fixed`.
      return (
        last === undefined || !new RegExp(`\`rackboot ${group} [a-z-]+\`(?:, \`[a-z-]+\`)*, \`${last}\``).test(text)
      );
    });
  assert.deepEqual(left, [], 'say in a page of docs/ what it is for');
});

test('every command that is run and continues is held to how it begins', () => {
  const going = shown.filter(({ isWhole, command }) => isWhole && !isNotRun(command) && goesOn(command));
  assert.ok(going.length > 3, `${going.length} commands`);
  assert.deepEqual(
    shown
      .filter(({ command }) => /npm start|--follow|(tail|journalctl) .*-f\b/.test(command))
      .filter(({ isWhole, command }) => isWhole && !isNotRun(command) && !goesOn(command)),
    [],
  );
});

test("every row of the operator's card has a command", () => {
  const [card] = partsOf(readDocument('docs/operator.md')).flatMap((part) => (part.kind === 'block' ? [part] : []));
  // Without the heads of the columns and the line below them.
  const rows = card?.lines.slice(2) ?? [];
  assert.ok(rows.length >= 15, `${rows.length} rows`);
  assert.ok(rows.every((row) => row.startsWith('sudo rackboot ')));
});
