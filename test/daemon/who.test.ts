// Who is meant on a command line, and what is said of somebody who is not known.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whoIs } from '../../src/daemon/who.ts';
import { Timeline } from '../../src/observe/timeline.ts';

const STRANGERS: readonly (readonly [string, string, RegExp])[] = [
  [
    'an address of no machine is sent to the events',
    '198.51.100.7',
    /^no machine here has the address 198\.51\.100\.7, .*`rackboot events`/,
  ],
  ['a name of no machine is no name here', 'gateway', /^nothing here is called gateway; /],
  [
    'a hardware address that was not heard of is said so',
    '52:54:00:12:34:56',
    /^nothing was heard of 52:54:00:12:34:56 since/,
  ],
];

for (const [name, wanted, said] of STRANGERS)
  test(name, () => {
    const sources = { timeline: new Timeline(() => undefined), rack: () => undefined };
    assert.throws(() => whoIs(sources, new URLSearchParams({ machine: wanted })), { code: 'not-found', message: said });
  });
