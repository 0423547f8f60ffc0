// The sentences of the event log.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mac } from '../../../src/net/address.ts';
import type { Happening } from '../../../src/region/records/event-params.ts';
import { EN } from '../../../src/region/words/en.ts';
import {
  eventSentence,
  isHappening,
  isRemark,
  loggedSentence,
  remarkSentence,
} from '../../../src/region/words/event.ts';
import { asSentence } from '../../../src/region/words/text.ts';

const overran = { status: 'commissioning', minutes: 20, isRestarted: false, isWritten: false } as const;

const signal = { stage: 'testing', message: '', output: '' } as const;

const SENTENCES: readonly (readonly [sentence: string, happening: Happening])[] = [
  ["From 'New' to 'Ready'", { code: 'status-changed', params: { from: 'new', to: 'ready' } }],
  ['deploy', { code: 'command', params: { command: 'deploy', comment: '' } }],
  ['exit rescue mode: done', { code: 'command', params: { command: 'exit-rescue', comment: 'done' } }],
  ['mark as missing', { code: 'command', params: { command: 'mark-missing', comment: '' } }],
  ['lock', { code: 'command', params: { command: 'lock', comment: '' } }],
  ['power cycle: for a look', { code: 'power-ordered', params: { task: 'cycle', comment: 'for a look' } }],
  [
    'it was switched on: HTTP 204',
    { code: 'power-switched', params: { task: 'on', detail: { code: 'http-status', params: { status: 204 } } } },
  ],
  ['power off failed', { code: 'power-failed', params: { task: 'off' } }],
  ['it was added', { code: 'enlisted', params: { isUnvouched: false, leftOut: [], isAdded: true } }],
  ['it reported itself for the first time', { code: 'enlisted', params: { isUnvouched: false, leftOut: [] } }],
  ['changed: power type, hostname', { code: 'machine-edited', params: { fields: ['powerType', 'hostname'] } }],
  ['Commissioning did not end within 20 minutes; no sign of life', { code: 'work-overran', params: overran }],
  [
    'Commissioning did not end within 20 minutes; last seen: it was switched on; restarting it',
    {
      code: 'work-restarted',
      params: {
        why: {
          code: 'work-overran',
          params: { ...overran, seen: { code: 'power-switched', params: { task: 'on' } } },
        },
      },
    },
  ],
  [
    'set dns.upstream, removed http_proxy',
    {
      code: 'settings-changed',
      params: {
        changes: [
          { key: 'dns.upstream', isRemoved: false },
          { key: 'http_proxy', isRemoved: true },
        ],
      },
    },
  ],
  [
    'it reported its hardware; too large to store, without the last 192 of 256 disks, the last 1 of 1 interface (3 times since the last such event)',
    {
      code: 'hardware-reported',
      params: {
        leftOut: [
          { list: 'disks', left: 192, given: 256 },
          { list: 'nics', left: 1, given: 1 },
        ],
        times: 3,
      },
    },
  ],
];

// Commissioning has the stage `testing` for its own scripts, too.
const SIGNALS: typeof SENTENCES = [
  ['running clock', { code: 'signal', params: { ...signal, message: 'running clock', script: 'clock' } }],
  ['running script clock', { code: 'signal', params: { ...signal, script: 'clock' } }],
  [
    'clock: passed',
    { code: 'signal', params: { ...signal, message: 'clock: passed', script: 'clock', exitStatus: 0 } },
  ],
  ['partitioning: sda', { code: 'signal', params: { ...signal, stage: 'partitioning', message: 'sda' } }],
];

for (const [sentence, happening] of [...SENTENCES, ...SIGNALS]) {
  test(`${happening.code}: ${sentence}`, () => assert.equal(eventSentence(happening), sentence));
}

test('the name of a machine keeps its spelling where a sentence gets a capital', () => {
  const machine = { hostname: 'mm', systemId: 'qhfyrp' };
  for (const happening of [
    { code: 'machines-merged', params: { machine, macs: ['52:54:00:aa:bb:09'] } },
    { code: 'machine-split', params: { machine, macs: ['52:54:00:aa:bb:09'] } },
    { code: 'machine-split-off', params: { machine } },
  ] as const)
    assert.match(asSentence(eventSentence(happening)), /^[A-Z].*\bmm \(qhfyrp\)/);
  const apart = { code: 'machines-kept-apart', params: { one: 'qhfyrp', other: 'deyffg' } } as const;
  assert.match(asSentence(eventSentence(apart)), /^[A-Z].*\bqhfyrp and deyffg\b/);
});

type Fits<T> = T extends Happening ? true : false;

test('a wrong or missing parameter does not compile', () => {
  const fits: readonly [
    ok: Fits<{ code: 'status-changed'; params: { from: 'new'; to: 'ready' } }>,
    parameterMissing: Fits<{ code: 'status-changed'; params: { from: 'new' } }>,
    stateUnknown: Fits<{ code: 'status-changed'; params: { from: 'new'; to: 'odd' } }>,
    parameterUnknown: Fits<{ code: 'debug-login-closed'; params: { user: 'bob' } }>,
    codeUnknown: Fits<{ code: 'odd'; params: Readonly<Record<string, never>> }>,
  ] = [true, false, false, false, false];
  assert.equal(fits.length, 5);
});

test('a sentence is clean and bounded, and begins with the hardware address of an unknown machine', () => {
  const said = { code: 'rack', params: { text: `a\u001b${'x'.repeat(600)}` } } as const;
  assert.equal(eventSentence(said).length, 500);
  assert.match(eventSentence(said), /^a\\x1bx+…$/);
  assert.match(loggedSentence({ ...said, stranger: mac(0x525400000001) }), /^52:54:00:00:00:01: a/);
});

test('a code of a later version is unknown', () => {
  assert.equal(isHappening({ code: 'toString', params: {} }), false);
  for (const code of Object.keys(EN.events)) assert.equal(isHappening({ code, params: {} }), true);
});

test('a remark is an event, or one of its own codes; none is said with an empty text', () => {
  assert.equal(remarkSentence(undefined), '');
  assert.equal(remarkSentence({ code: 'said', params: { text: 'its fan is loud' } }), 'its fan is loud');
  assert.equal(remarkSentence({ code: 'waits-for-hand', params: {} }), 'waiting to be switched on');
  assert.equal(
    remarkSentence({ code: 'work-restarted', params: { why: { code: 'work-overran', params: overran } } }),
    eventSentence({ code: 'work-restarted', params: { why: { code: 'work-overran', params: overran } } }),
  );
  assert.equal(isRemark({ code: 'has-started', params: {} }), true);
  assert.equal(isHappening({ code: 'has-started', params: {} }), false);
  assert.equal(isRemark({ code: 'toString', params: {} }), false);
});
