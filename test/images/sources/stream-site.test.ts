// A whole site, written and signed as those of MAAS and Ubuntu are, is read back: its index, its products and its files.
// @host computes, 5 s

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { decodeStreamProducts } from '../../../src/images/sources/decode-products.ts';
import { Keyring } from '../../../src/images/sources/keyring.ts';
import { decodeStreamIndex } from '../../../src/images/sources/stream-index.ts';
import { verifyClearSigned, verifyDetached } from '../../../src/images/sources/verification.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { missing } from '../../support/needs.ts';
import { WHOLE_SITE, writeStreamSite } from '../../support/stream-site.ts';

describe('a site with simplestreams', { skip: missing('gpg') }, () => {
  let directory: string;
  let home: GpgHome;
  let keyring: Uint8Array;
  const at = (path: string): Buffer => readFileSync(join(directory, path));
  const request = (file: string) => ({
    file,
    keyring: new Keyring(keyring, undefined),
    nowMs: Date.now() + 60_000,
  });

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'rackboot-site-'));
    home = new GpgHome();
    const key = home.makeKey('site', 'rsa4096');
    keyring = home.export();
    writeStreamSite(directory, WHOLE_SITE, { home, key });
  });
  after(() => {
    home.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is verified and read from its signed index to the checksum of every file', async () => {
    const signedIndex = await verifyClearSigned(at('streams/v1/index.sjson'), request('index.sjson'));
    const index = decodeStreamIndex(
      signedIndex.ok ? (signedIndex.value.text ?? '') : assert.fail(signedIndex.fault.code),
    );
    assert.ok(index.ok);
    let files = 0;
    for (const { path, contentId } of index.value.entries) {
      const signed = await verifyClearSigned(at(path), request(path));
      const decoded = decodeStreamProducts(signed.ok ? (signed.value.text ?? '') : assert.fail(signed.fault.code));
      assert.ok(decoded.ok);
      assert.equal(decoded.value.contentId, contentId);
      for (const file of decoded.value.products.flatMap(({ images }) => images.flatMap((image) => image.files))) {
        assert.equal(createHash('sha256').update(at(file.path)).digest('hex'), file.sha256);
        assert.equal(at(file.path).length, file.bytes);
        files += 1;
      }
    }
    assert.ok(files > 100, String(files));
  });

  it('has the same in files with detached signatures', async () => {
    for (const name of ['index', ...Object.keys(WHOLE_SITE)]) {
      const path = `streams/v1/${name}.json`;
      const verified = await verifyDetached(at(path), at(`${path}.gpg`), request(path));
      assert.ok(verified.ok, name);
    }
    const index = decodeStreamIndex(at('streams/v1/index.json'));
    assert.ok(index.ok && index.value.entries.every(({ path }) => existsSync(join(directory, path))));
  });
});
