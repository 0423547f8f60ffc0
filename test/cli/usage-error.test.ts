// What a person reads who mistyped: the name that was meant, and whose help to read.

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
const explain = (message: string): Promise<string> => explainUsage(new UsageError(message, Promise.resolve(HELP)));

test('a misspelt command or option is answered with the one that is most like it, and its own help', async () => {
  assert.equal(
    await explain('Unknown argument: ned'),
    'rackboot: there is no "ned" here. Did you mean end?\nSee rackboot leases --help.',
  );
  assert.match(await explain('Unknown arguments: config, ned, 10.0.0.1'), /^rackboot: there is no "ned" here\. Did/);
  assert.match(
    await explain('Unknown arguments: client-di, clientDi'),
    /^rackboot: there is no "client-di" here\. Did you mean --client-id\?/,
  );
  assert.match(await explain('Unknown argument: frobnicate'), /^rackboot: there is no "frobnicate" here\nSee/);
});

test('other complaints are told as they are', async () => {
  assert.match(await explain('name what to do'), /^rackboot: name what to do\nSee rackboot leases --help\.$/);
  assert.match(await explain('Not enough non-option arguments: got 0, need at least 1'), /an argument is missing/);
});
