// A site changes its key: the refusal names the key, the signed file and the place of the accepted keys, and once the new key is there, in a file
// or in the settings, the next import accepts it.
// @host waits

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { systemClock } from '../../../src/ground/clock.ts';
import { decodeSources } from '../../../src/images/sources/decode-sources.ts';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { missing } from '../../support/needs.ts';
import { answerOf } from '../../support/offers.ts';
import { SignedSite } from '../../support/signed-site.ts';
import { writeStreamSite } from '../../support/stream-site.ts';
import { makeSystemDisk } from '../disks.ts';
import { DownloadPlace } from '../download/download-place.ts';

const CONTENT_ID = 'com.example:released:download';
const WISH = { os: 'tiny', release: 'one', architectures: ['amd64'] };
const CASE_MS_MAX = 30_000;
const DAY_MS = 86_400_000;

describe('a site that changes its key', { skip: missing('linux', 'gpg') }, () => {
  const signed = new SignedSite();
  const { root, gpg, keyring } = signed;
  const keys = { old: '', new: '' };

  before(() => {
    keys.old = gpg.makeKey('old', 'ed25519', '30d');
    keys.new = gpg.makeKey('new');
  });

  function signWith(key: string): void {
    const content = makeSystemDisk(2 ** 20);
    const files = { 'disk1.img': { ftype: 'disk1.img', path: 'disk.img', content } };
    const tags = { arch: 'amd64', os: 'tiny', release: 'one', version: '1', label: 'release' };
    writeStreamSite(
      root,
      { [CONTENT_ID]: { 'com.example:one:amd64': { tags, versions: { '20261101': { files } } } } },
      { home: gpg, key },
    );
  }

  /** The source. @param more further fields of its `signed` */
  function sourceWith(more = ''): ImageSource {
    const decoded = decodeSources(
      `sources:
  - { name: site, title: Site, os: tiny, kind: simplestreams, url: "${signed.url}", content_ids: ["${CONTENT_ID}"],
      arches: { amd64: amd64 }, signed: { keyrings: [${keyring}]${more} } }
`,
      () => [],
    );
    return (decoded.ok ? decoded.sources[0] : undefined) ?? assert.fail(JSON.stringify(decoded));
  }

  /** @returns the number of offers, and why there are no more @param days from now */
  async function ask(source: ImageSource, days = 0): Promise<readonly [number, string]> {
    const clock = { wallTimeMs: () => systemClock.wallTimeMs() + days * DAY_MS };
    const { offers, problems } = await answerOf(source, WISH, { clock });
    return [offers.length, problems.map(({ message }) => message).join()];
  }

  async function refused(source: ImageSource, days = 0): Promise<string> {
    const [offers, problem] = await ask(source, days);
    assert.equal(offers, 0);
    assert.match(problem, /streams\/v1\/index\.sjson: /);
    return problem;
  }

  test('or signs each document when it is asked for is judged at that time, not at the time of the question', {
    timeout: CASE_MS_MAX,
  }, async () => {
    writeFileSync(keyring, gpg.export(['new']));
    signWith(keys.new);
    const place = new DownloadPlace();
    try {
      const downloads = place.queue();
      const fetchDocument = downloads.fetchDocument.bind(downloads);
      let isSigned = false;
      const clock = { wallTimeMs: () => systemClock.wallTimeMs() - (isSigned ? 0 : DAY_MS) };
      downloads.fetchDocument = (...asked) => {
        isSigned = true;
        return fetchDocument(...asked);
      };
      const { offers, problems } = await answerOf(sourceWith(), WISH, { downloads, clock });
      assert.deepEqual([offers.length, problems], [1, []]);
    } finally {
      await place.close();
    }
  });

  const accepted = async (source: ImageSource, days = 0): Promise<void> =>
    assert.deepEqual(await ask(source, days), [1, '']);

  test('is refused with key and keyring, until the file of the keyring has the new key', {
    timeout: CASE_MS_MAX,
  }, async () => {
    writeFileSync(keyring, gpg.export(['old']));
    signWith(keys.old);
    await accepted(sourceWith());
    signWith(keys.new);
    const problem = await refused(sourceWith());
    assert.ok(problem.includes(`(key ${keys.new.slice(-16)})`), problem);
    assert.ok(problem.endsWith(`; its keys are in ${keyring}`), problem);
    writeFileSync(keyring, gpg.export(['old', 'new']));
    await accepted(sourceWith());
    signWith(keys.old);
    await accepted(sourceWith());
  });

  test('is accepted by the fingerprint of the new key alone, if the source names fingerprints', {
    timeout: CASE_MS_MAX,
  }, async () => {
    writeFileSync(keyring, gpg.export(['old', 'new']));
    signWith(keys.new);
    const problem = await refused(sourceWith(`, fingerprints: ["${keys.old}"]`));
    assert.ok(
      problem.endsWith(`; its keys are in ${keyring}, of which only those with its fingerprints count`),
      problem,
    );
    await accepted(sourceWith(`, fingerprints: ["${keys.old}", "${keys.new}"]`));
  });

  test('is refused with the settings as the place of the keys, until these have the new key', {
    timeout: CASE_MS_MAX,
  }, async () => {
    signWith(keys.new);
    const stored = (name: string): ImageSource => {
      const { trust, ...source } = sourceWith();
      assert.ok(trust.kind === 'signed');
      return { ...source, trust: { ...trust, keyrings: [], keys: gpg.export([name]) } } as ImageSource;
    };
    const problem = await refused(stored('old'));
    assert.match(problem, /no accepted key .*; its keys are in the settings of the source$/);
    await accepted(stored('new'));
  });

  test('or lets it expire is refused with the key, until the keyring has the extended one', {
    timeout: CASE_MS_MAX,
  }, async () => {
    writeFileSync(keyring, gpg.export(['old']));
    signWith(keys.old);
    await accepted(sourceWith());
    const problem = await refused(sourceWith(), 40);
    assert.ok(problem.includes(`the key of its signature has expired (key ${keys.old.slice(-16)})`), problem);
    assert.match(problem, /; fetch the key again: .*; its keys are in /);
    gpg.run(['--quick-set-expire', keys.old, '2y']);
    writeFileSync(keyring, gpg.export(['old']));
    await accepted(sourceWith(), 40);
  });
});
