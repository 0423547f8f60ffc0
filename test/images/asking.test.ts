// What a source offers, for a list to tick: one entry for all that a selection of a release and an architecture imports.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { NO_PROXY } from '../../src/images/download/settings.ts';
import { listOffers } from '../../src/images/engine/asking.ts';
import { buildStreamSource } from '../../src/region/images/region-source.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { type SiteProduct, writeStreamSite } from '../support/stream-site.ts';

const ROOT = 'r'.repeat(1000);
const KERNELS = { 'ga-24.04': 'k'.repeat(30), 'hwe-24.04': 'h'.repeat(50) };

/** The root of a system with a kernel, as images.maas.io has it: all kernels have the same root. */
const productOf = (subarch: keyof typeof KERNELS, serial: string): SiteProduct => ({
  tags: {
    arch: 'amd64',
    os: 'ubuntu',
    release: 'noble',
    release_title: '24.04 LTS',
    version: '24.04',
    subarch,
    subarches: subarch,
    label: 'stable',
    support_eol: '2029-05-31',
  },
  versions: {
    [serial]: {
      files: {
        squashfs: { ftype: 'squashfs', path: 'noble/squashfs', content: ROOT },
        'boot-kernel': { ftype: 'boot-kernel', path: `noble/${subarch}/boot-kernel`, content: KERNELS[subarch] },
        'boot-initrd': { ftype: 'boot-initrd', path: `noble/${subarch}/boot-initrd`, content: `${subarch} initrd` },
      },
    },
  },
});

describe('a source is asked what it offers', { skip: missing('gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-asking-'));
  const gpg = new GpgHome();
  const site = new FileSite(scratch);
  let url = '';
  before(async () => {
    const products = {
      'com.example:ga:amd64': productOf('ga-24.04', '20261015'),
      'com.example:hwe:amd64': productOf('hwe-24.04', '20261101'),
    };
    writeStreamSite(scratch, { 'com.example:download': products }, { home: gpg, key: gpg.makeKey('site') });
    url = await site.open();
  });
  after(() => {
    site.close();
    gpg.remove();
    rmSync(scratch, { recursive: true });
  });

  const ask = (keyring: Uint8Array, at = url) => {
    const source = buildStreamSource({ url: at, keyringFilename: '', keyring });
    return listOffers({ source, configured: {}, proxy: NO_PROXY }, new AbortController().signal);
  };

  test('the kernels of a release are one entry, and their common file counts once', async () => {
    const { images, problems } = await ask(gpg.export(['site']));
    assert.deepEqual(problems, []);
    const initrds = Object.keys(KERNELS).reduce((sum, name) => sum + `${name} initrd`.length, 0);
    assert.deepEqual(
      images.map(({ title, aliases: _, ...image }) => image),
      [
        {
          kind: 'image',
          os: 'ubuntu',
          release: 'noble',
          architecture: 'amd64',
          day: '2026-11-01',
          bytes: ROOT.length + 30 + 50 + initrds,
          supportEnds: '2029-05-31',
        },
      ],
    );
  });

  test('a source with a wrong key, and one that does not answer, offer nothing and say why', async () => {
    gpg.makeKey('other');
    const wrong = await ask(gpg.export(['other']));
    assert.deepEqual(wrong.images, []);
    assert.match(wrong.problems.join(), /signature|key/);
    const away = await ask(gpg.export(['site']), 'http://127.0.0.1:1/');
    assert.deepEqual(away.images, []);
    assert.equal(away.problems.length, 1);
  });
});
