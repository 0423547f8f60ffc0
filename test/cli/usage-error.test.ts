// The message for a mistyped command line: the name that was meant, and the help to read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainUsage, UsageError } from '../../src/cli/usage-error.ts';

const HELP = `rackboot leases

The leases of this rack

Commands:
  rackboot leases list            List them
  rackboot leases end <address>   End one

Options:
  -h, --help        Show help
      --client-id   Of a client
`;
const TOP = `rackboot COMMAND

Commands:
  rackboot machines  The machines
  rackboot leases    The leases
  rackboot replay    Ask a capture
  rackboot events    The log
`;
const MACHINES = `rackboot machines

Commands:
  rackboot machines list               List them
  rackboot machines deploy <machine>   Deploy one
  rackboot machines rename <machine>   Rename one
  rackboot machines remove <machine>   Forget one
`;
const explain = (message: string, typed = '', help = HELP): Promise<string> =>
  explainUsage(new UsageError(message, Promise.resolve(help)), typed.split(' '));
test('a misspelt command or option is answered with the most similar one, and the help of its group', async () => {
  assert.equal(
    await explain('Unknown argument: ned', 'leases ned'),
    'rackboot: there is no "ned" here. Did you mean end?\nSee rackboot leases --help.',
  );
  assert.match(
    await explain('Unknown arguments: config, ned, 10.0.0.1', 'leases ned 10.0.0.1 --config x'),
    /^rackboot: there is no "ned" here\. Did/,
  );
  assert.match(
    await explain('Unknown arguments: client-di, clientDi', 'leases --client-di x'),
    /^rackboot: there is no "--client-di" here\. Did you mean --client-id\?/,
  );
  assert.match(await explain('Unknown arguments: dry-run, dryRun', 'leases end --dry-run=yes'), /no "--dry-run" here/);
  assert.match(await explain('Unknown argument: z', 'leases end -z'), /no "-z" here/);
  assert.match(
    await explain('Unknown argument: frobnicate', 'leases frobnicate'),
    /^rackboot: there is no "frobnicate" here\nSee/,
  );
});

test('an unknown command is reported before the options after it, and no option is proposed for it', async () => {
  const text = await explain('Unknown arguments: nam, edit, M', 'machines edit M --nam x', MACHINES);
  assert.equal(text, 'rackboot: there is no "edit" here\nSee rackboot machines --help.');
});

test('a command without its group is answered with the group, and a synonym with our word', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['deploy M', 'machines deploy'],
    ['release M', 'machines release'],
    ['show', 'config show, leases show, machines show, preseed show or scripts show'],
    ['delete M', '.* machines remove, .* or sshkeys remove'],
    ['deplyo M', 'machines deploy'],
    ['logs', 'events'],
    ['repaly', 'replay'],
    ['evnt', 'events'],
    ['rplay', 'replay'],
    ['mchns', 'machines'],
    ['hlep', 'help'],
  ];
  for (const [typed, meant] of cases) {
    const unknown = typed.split(' ').join(', ');
    const text = await explain(`Unknown arguments: ${unknown}`, typed, TOP);
    assert.match(text, new RegExp(`Did you mean ${meant}\\?\n`), typed);
  }
  const text = await explain('Unknown arguments: delete, M', 'machines delete M', MACHINES);
  assert.match(text, /Did you mean remove\?/);
});

test('a missing argument is named', async () => {
  const demanding = 'rackboot config set <key> <value>\n\nSet a value\n';
  const explained = (got: number): Promise<string> =>
    explain(`Not enough non-option arguments: got ${got}, need at least 2`, 'config set', demanding);
  assert.equal(await explained(1), 'rackboot: <value> is missing\nSee rackboot config set --help.');
  assert.match(await explained(0), /^rackboot: <key> and <value> are missing\n/);
});

test('a missing option, a missing value and options that exclude each other are named as typed', async () => {
  const cases = [
    ['Missing required argument: to', '--to is missing'],
    ['Missing required arguments: os, release', '--os and --release are missing'],
    ['Not enough arguments following: comment', '--comment needs a value after it'],
    ['Arguments list and remove are mutually exclusive', '--list and --remove exclude each other: name one of them'],
  ] as const;
  for (const [message, said] of cases)
    assert.equal(await explain(message), `rackboot: ${said}\nSee rackboot leases --help.`);
});

test('a missing system is answered with the command that lists them', async () => {
  const help = 'rackboot machines deploy <machine> <system>\n\nDeploy a system\n';
  assert.equal(
    await explain('Not enough non-option arguments: got 1, need at least 2', 'machines deploy m', help),
    'rackboot: <system> is missing; `sudo rackboot images list` shows the systems\nSee rackboot machines deploy --help.',
  );
});

test('a misspelt value is answered with the most similar one', async () => {
  const help = 'rackboot events\n\nThe log\n\nOptions:\n      --level  This level\n';
  const wrong = (given: string): string =>
    `Invalid values:\n  Argument: level, Given: "${given}", Choices: "debug", "info", "warning"`;
  assert.equal(
    await explain(wrong('infoo'), 'events --level infoo', help),
    'rackboot: "infoo" is not a value of --level, which takes debug, info or warning. Did you mean info?\nSee rackboot events --help.',
  );
  assert.match(await explain(wrong('x'), 'events --level x', help), /debug, info or warning\nSee/);
  assert.match(
    await explain(wrong('INFO'), 'events INFO', 'rackboot log <level>\n'),
    /not a value of <level>.* mean info\?/,
  );
});

test('other complaints are printed unchanged', async () => {
  assert.match(await explain('name what to do'), /^rackboot: name what to do\nSee rackboot leases --help\.$/);
});

test('options before a command are said to belong after it', async () => {
  assert.match(await explain('Unknown arguments: json, list', '--json list'), /write the options after list/);
});
