// The sentences of the reasons of an import, including stored reasons that another version wrote.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ImportReason, importReason } from '../../../src/region/records/import-reason.ts';
import { importReasonText } from '../../../src/region/words/text.ts';

const ROWS: readonly (readonly [sentence: string, reason: ImportReason])[] = [
  ['nothing is selected: add a selection to a source', { code: 'nothing-selected', params: {} }],
  ['a does not offer it', { code: 'not-offered', params: { source: 'a', arches: [] } }],
  [
    'a does not offer it: `sudo rackboot images available ubuntu --all` lists what there is',
    { code: 'not-offered', params: { source: 'a', arches: [], os: 'ubuntu' } },
  ],
  [
    'a does not offer it: did you mean ubuntu/noble? `sudo rackboot images available ubuntu --all` lists what there is',
    { code: 'not-offered', params: { source: 'a', arches: [], os: 'ubuntu', nearest: 'ubuntu/noble' } },
  ],
  [
    'a does not offer it for amd64, arm64',
    { code: 'not-offered', params: { source: 'a', arches: ['amd64', 'arm64'] } },
  ],
  [
    'the part of a that could be read does not offer it: the reason is in the entry of a',
    { code: 'not-in-part', params: { source: 'a', arches: [] } },
  ],
  [
    'bootloader/uefi/amd64 is that of bootloader/uefi/amd64/generic/stable: select one label of it',
    {
      code: 'place-taken',
      params: { place: 'bootloader/uefi/amd64', holder: 'bootloader/uefi/amd64/generic/stable' },
    },
  ],
  ['a run imports at most 500 images: select fewer', { code: 'run-full', params: { max: 500 } }],
  ['a has it, too, and comes before b', { code: 'earlier-source', params: { first: 'a', source: 'b' } }],
  [
    'waiting for another process of the importing host, which has a file of this image locked',
    { code: 'locked', params: {} },
  ],
  [
    'it has not answered within 3 minutes: Rackboot still waits, but imports the images of other sources meanwhile',
    { code: 'awaited', params: { minutes: 3 } },
  ],
  ['its import is paused', { code: 'held', params: { hold: 'paused' } }],
  ['20261015 is already there', { code: 'present', params: { serial: '20261015' } }],
  ['the import was stopped', { code: 'stopped', params: {} }],
  [
    'h sent nothing for 30 s: the download continues from there',
    { code: 'download', params: { fault: { code: 'stalled', params: { host: 'h', seconds: 30 } } } },
  ],
  ['fault-of-2030', { code: 'download', params: { fault: { code: 'fault-of-2030', params: {} } } }],
  [
    'the disk of the images has 1.0 MiB left, but needs 2.0 MiB: free space, or remove unneeded images; then resume',
    { code: 'disk-full', params: { freeBytes: 2 ** 20, neededBytes: 2 ** 21 } },
  ],
  [
    'the disk of the images cannot be written (EIO): check the disk and its permissions; then resume',
    { code: 'disk-failed', params: { said: 'EIO' } },
  ],
  ['the importing thread ended', { code: 'thread-ended', params: { said: '' } }],
  ['the importing thread ended: out of memory', { code: 'thread-ended', params: { said: 'out of memory' } }],
  [
    'amd64/generic/bookworm/install is that of evil/bookworm/amd64/generic/installer: to have this one instead, end the selection of that one, and then remove it',
    {
      code: 'release-taken',
      params: { place: 'amd64/generic/bookworm/install', holder: 'evil/bookworm/amd64/generic/installer' },
    },
  ],
  [
    'it comes from b: a has it, too, but failed or answered late',
    { code: 'later-source', params: { first: 'a', source: 'b' } },
  ],
  [
    'this is an error of Rackboot: x is not a function: report it with the stack in the log of the region',
    { code: 'bug', params: { said: 'x is not a function' } },
  ],
  ['it is not deleted yet: EBUSY', { code: 'not-deleted', params: { said: 'EBUSY' } }],
  ['the source b cannot be used: no key', { code: 'said', params: { said: 'the source b cannot be used: no key' } }],
];

test('each reason has its sentence, and is the same after it was stored', () => {
  for (const [sentence, reason] of ROWS) {
    assert.equal(importReasonText(reason).replaceAll('\u00a0', ' '), sentence);
    assert.deepEqual(importReason.parse(JSON.parse(JSON.stringify(reason))), reason);
  }
});

test('a reason that another version stored is shown by its code: an unknown code or form', () => {
  for (const [stored, shown] of [
    [{ code: 'moon-full', params: { phase: 3 } }, 'moon-full'],
    [{ code: 'not-offered', params: { source: 'a' } }, 'not-offered'],
    [{ code: 'toString', params: {} }, 'toString'],
  ] as const)
    assert.equal(importReasonText(importReason.parse(stored)), shown);
  for (const broken of [3, null, {}, { code: 3, params: {} }, 'cut'])
    assert.equal(importReason.safeParse(broken).success, false, JSON.stringify(broken)?.slice(0, 40));
});
