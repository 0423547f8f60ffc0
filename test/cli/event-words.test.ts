// The text of an event at the command line: a sentence, without a power controller's raw answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventWords } from '../../src/cli/region/events.ts';

const CASES: readonly (readonly [name: string, type: string, description: string, line: string, kind?: string])[] = [
  ['the words of the region', 'Node powered on', 'it was switched on: HTTP 200', 'It was switched on'],
  ['a command', 'Node', 'deploy', 'Deploy'],
  [
    'a rack’s report of an interface',
    'Rack',
    'lo is served: 127.0.0.0/8',
    'lo is served: 127.0.0.0/8',
    'interface.serving',
  ],
  ['a change of the configuration', 'Settings', 'set dns.upstream', 'set dns.upstream'],
  ['a script', 'Node testing', 'script memory ended with status 1', 'Script memory ended with status 1'],
];

for (const [name, type, description, line, kind] of CASES) {
  test(`${name}: ${line}`, () => assert.equal(eventWords({ kind, type, description }), line));
}
