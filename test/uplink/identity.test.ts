// The rack's identity and key: drawn once, private to their owner, refused with a reason if damaged.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RackError } from '../../src/ground/errors.ts';
import { parseAuthorization } from '../../src/region/accounts/authorization-header.ts';
import { readRackUuid } from '../../src/uplink/rack-identity.ts';
import { composeAuthorization, digestSecret, readRegionKey } from '../../src/uplink/region-key.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

function withDirectory(work: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-identity-'));
  try {
    work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const refused = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof RackError && error.code === code && text.test(error.message);

test('a rack draws its UUID once, readable by its owner only', () => {
  withDirectory((directory) => {
    const uuid = readRackUuid(directory);
    assert.match(uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(readRackUuid(directory), uuid);
    const file = join(directory, 'rack.json');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { schema: 1, uuid });
  });
});

test('a file without an identity is refused, and so is a newer one', () => {
  withDirectory((directory) => {
    const file = join(directory, 'rack.json');
    const uuid = readRackUuid(directory);
    for (const text of ['', '{"schema":1}', '{"schema":1,"uuid":"ABC"}', '[1]', 'null']) {
      writeFileSync(file, text);
      assert.throws(() => readRackUuid(directory), refused('store-broken', /rack\.json.*backup/), text);
    }
    writeFileSync(file, JSON.stringify({ schema: 2, uuid }));
    assert.throws(() => readRackUuid(directory), refused('store-newer', /rack\.json/));
  });
});

test('a missing key is drawn, and stays the same', () => {
  withDirectory((directory) => {
    const file = join(directory, 'region.key');
    const key = readRegionKey(file, new VirtualClock(1, 7));
    assert.equal(key.isDrawn, true);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readRegionKey(file, new VirtualClock(1, 8)), key);
    assert.match(digestSecret(key), /^[0-9a-f]{64}$/);
  });
});

test("an administrator's key is used unchanged", () => {
  withDirectory((directory) => {
    const file = join(directory, 'region.key');
    writeFileSync(file, 'abc:def:ghi\n', { mode: 0o600 });
    const key = readRegionKey(file, new VirtualClock());
    assert.deepEqual(key, { consumer: 'abc', token: 'def', secret: 'ghi', isDrawn: false });
  });
});

test('a key that others may read, and a file without a key, are refused by code', () => {
  withDirectory((directory) => {
    const file = join(directory, 'region.key');
    writeFileSync(file, 'abc:def:ghi\n', { mode: 0o600 });
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(file, mode);
      assert.throws(() => readRegionKey(file, new VirtualClock()), refused('config-invalid', /chmod 600/));
    }
    chmodSync(file, 0o600);
    for (const text of ['abc:def', 'a:b:c:d', 'a b:c:d', `${'x'.repeat(2000)}:b:c`]) {
      writeFileSync(file, text);
      assert.throws(
        () => readRegionKey(file, new VirtualClock()),
        refused('config-invalid', /consumer:token:secret/),
        text,
      );
    }
  });
});

test('the region can parse the header', () => {
  const key = { consumer: 'c', token: 't~1', secret: 's-_.~', isDrawn: false };
  assert.deepEqual(parseAuthorization(composeAuthorization(key, 1_700_000_000_000, 42)), {
    kind: 'key',
    consumerKey: 'c',
    tokenKey: 't~1',
    secret: 's-_.~',
  });
});
