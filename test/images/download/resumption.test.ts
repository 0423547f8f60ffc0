// Downloads that continue with the part of an earlier run, or drop it.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { eventuallyWithin } from '../../support/eventually.ts';
import { type Behaviour, ETAG, type HostileFileServer } from '../../support/hostile-file-server.ts';
import { type DownloadPlace, makeContent, placeForEach, upTo } from './download-place.ts';

const MIB = 1024 * 1024;
const CONTENT = makeContent(8 * MIB);
const PART = `image-${CONTENT.length}.part`;

let place: DownloadPlace;
placeForEach((made) => {
  place = made;
});

/** Leaves a part of 2 MiB or more, with its record. */
async function leavePart(server: HostileFileServer): Promise<void> {
  const queue = place.queue({ stallMs: 60_000 });
  const stopped = assert.rejects(queue.fetch(place.request([server.url], CONTENT)), { code: 'cancelled' });
  await eventuallyWithin(8000, '2 MiB are sent', () => server.sent >= 2 * MIB);
  await eventuallyWithin(8000, '2 MiB are written', () => place.partBytes() >= 2 * MIB);
  await queue.close();
  await stopped;
  assert.ok(place.partBytes() >= 2 * MIB, `${place.partBytes()}`);
}
let isHeld = true;
const held: Behaviour = (asked) => (isHeld ? upTo(2 * MIB)(asked) : asked.serve());
beforeEach(() => {
  isHeld = true;
});

test('a part is continued with its validator, and nothing is sent again', async () => {
  const server = await place.serve(CONTENT, held);
  await leavePart(server);
  isHeld = false;
  const { state } = await place.run(place.request([server.url], CONTENT));
  assert.equal(state.kind, 'done');
  assert.partialDeepStrictEqual(server.requests.at(-1), { from: 2 * MIB, ifRange: ETAG });
  assert.equal(server.sent, CONTENT.length);
  assert.deepEqual(place.finished(), Buffer.from(CONTENT));
});

test('a part of a file that has changed on the server is dropped', async () => {
  const other = makeContent(CONTENT.length, 5);
  const server = await place.serve(CONTENT, (asked) => {
    if (isHeld) held(asked);
    else {
      asked.head({ from: 0, fields: { ETag: '"two"' } });
      asked.response.end(other);
    }
  });
  await leavePart(server);
  isHeld = false;
  const { digest } = place.request([], other);
  writeFileSync(join(place.directory, `${PART}.json`), record().replace(/sha256:[0-9a-f]+/, `sha256:${digest.hex}`));
  const { state } = await place.run(place.request([server.url], other));
  assert.equal(state.kind, 'done');
  assert.equal(server.requests.length, 2);
  assert.deepEqual(place.finished(), Buffer.from(other));
});

const record = (): string => readFileSync(join(place.directory, `${PART}.json`), 'utf8');
const rows: readonly { name: string; spoil: () => void; from: number }[] = [
  { name: 'without a record', spoil: () => writeFileSync(join(place.directory, `${PART}.json`), '{'), from: 0 },
  {
    name: 'of another wanted file',
    spoil: () => writeFileSync(join(place.directory, `${PART}.json`), record().replace('sha256:', 'sha256:0')),
    from: 0,
  },
  { name: 'that was cut', spoil: () => truncateSync(join(place.directory, PART), 77), from: 77 },
];
for (const { name, spoil, from } of rows) {
  test(`a part ${name} is continued from byte ${from}`, async () => {
    const server = await place.serve(CONTENT, held);
    await leavePart(server);
    spoil();
    isHeld = false;
    const { state } = await place.run(place.request([server.url], CONTENT));
    assert.equal(state.kind, 'done');
    assert.equal(server.requests.at(-1)?.from, from);
    assert.deepEqual(place.finished(), Buffer.from(CONTENT));
  });
}

for (const name of [PART]) {
  test(`a part that another wish left as ${name} is not touched: one with its digest and another size`, async () => {
    const server = await place.serve(CONTENT, held);
    await leavePart(server);
    for (const end of ['', '.json']) {
      renameSync(join(place.directory, `${PART}${end}`), join(place.directory, `${name}${end}`));
    }
    const longer = Buffer.concat([CONTENT, Buffer.from('x')]);
    const other = await place.serve(longer);
    const { digest } = place.request([], CONTENT);
    const { state } = await place.run(place.request([other.url], longer, { digest }), { roundsMax: 1 });
    assert.partialDeepStrictEqual(state, { kind: 'failed', reason: { code: 'digest-wrong' } });
    assert.deepEqual(place.files(), [name, `${name}.json`]);
    isHeld = false;
    assert.equal((await place.run(place.request([server.url], CONTENT))).state.kind, 'done');
    assert.equal(server.requests.at(-1)?.from, 2 * MIB);
  });
}

test('a part with a wrong byte is found out at the end, and the file is fetched from the beginning', async () => {
  const server = await place.serve(CONTENT, held);
  await leavePart(server);
  const path = join(place.directory, PART);
  const part = readFileSync(path);
  part[1000] = (part[1000] ?? 0) ^ 1;
  writeFileSync(path, part);
  isHeld = false;
  const { state, faults } = await place.run(place.request([server.url], CONTENT));
  assert.equal(state.kind, 'done');
  assert.deepEqual(faults, ['digest-wrong']);
  assert.deepEqual(place.finished(), Buffer.from(CONTENT));
});

test('a part is continued from a mirror where a digest is known, and one wrong mirror does not spoil it for the others', async () => {
  const [first, wrong, good] = [
    await place.serve(CONTENT, held),
    await place.serve(makeContent(CONTENT.length, 9)),
    await place.serve(CONTENT),
  ];
  await leavePart(first);
  await first.close();
  const { state, faults } = await place.run(place.request([first.url, wrong.url, good.url], CONTENT));
  assert.equal(state.kind, 'done', JSON.stringify(faults));
  assert.deepEqual(place.finished(), Buffer.from(CONTENT));
  assert.equal(wrong.requests[0]?.from, 2 * MIB);
});
