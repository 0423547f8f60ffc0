// A mirror whose release or whose updates of it cannot be used: the other one serves the installer, and the offer says why the updates were
// left out.
// @host waits

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { buildDownload } from '../../../src/images/run/file-fetch.ts';
import { describeLeftOutUpdates, pickOffers, type SourceAnswer } from '../../../src/images/sources/offer.ts';
import { findMirrorKey } from '../../../src/images/sources/package-mirrors.ts';
import { describeKeysRemedy } from '../../../src/images/sources/source-documents.ts';
import { importText } from '../../../src/region/records/import-reason.ts';
import { buildFailureReason } from '../../../src/region-host/imports/import-failure.ts';
import { type InstallerSuite, installerFiles, writeInstallerSuite } from '../../support/installer-site.ts';
import { missing } from '../../support/needs.ts';
import { answerOf, installerSource } from '../../support/offers.ts';
import { SignedSite } from '../../support/signed-site.ts';
import { DownloadPlace } from '../download/download-place.ts';

const PAST = { 'Valid-Until': 'Mon, 01 Jan 2024 00:00:00 UTC' };
const ARCH = 'amd64';
const CASE_MS_MAX = 30_000;

/** A suite as a case writes it; undefined: the mirror has none. */
type Written =
  | { readonly fields?: InstallerSuite['fields']; readonly by?: string; readonly isEmpty?: true }
  | undefined;

describe('an installer of a release', { skip: missing('linux', 'gpg') }, () => {
  const signed = new SignedSite();
  const { scratch, root, gpg, keyring } = signed;

  before(() => {
    gpg.makeKey('archive');
    gpg.makeKey('stranger');
    signed.accept('archive');
  });

  function write(suite: string, written: Written): void {
    rmSync(join(root, 'dists', suite), { recursive: true, force: true });
    if (written === undefined) return;
    const { fields = {}, by = 'archive', isEmpty } = written;
    const files = { linux: Buffer.from(`kernel of ${suite}`), initrd: Buffer.from(`initrd of ${suite}`) };
    const installers = isEmpty === true ? {} : { [ARCH]: installerFiles(ARCH, files) };
    writeInstallerSuite(
      root,
      { suite, form: 'clear', list: 'SHA256SUMS', fields, installers },
      { home: gpg, key: gpg.fingerprintOf(by) },
    );
  }

  const ask = (mirror = signed.url, keys = keyring): Promise<SourceAnswer> =>
    answerOf(
      installerSource('buster', { name: 'debian-installer', trust: { ...signed.trust, keyrings: [keys] }, mirror }),
      { release: 'buster' },
    );

  const rows: readonly (readonly [
    name: string,
    base: Written,
    updates: Written,
    suite: string | undefined,
    leftOut: RegExp | undefined,
    problem: RegExp | undefined,
  ])[] = [
    ['comes from its updates', {}, {}, 'buster-updates', undefined, undefined],
    ['comes from it if there are no updates', {}, undefined, 'buster', undefined, undefined],
    ['comes from it if its updates have none', {}, { isEmpty: true }, 'buster', undefined, undefined],
    [
      ...(['comes from it if its updates have expired', {}, { fields: PAST, isEmpty: true }] as const),
      ...(['buster', /buster-updates\/ was valid until 2024-01-01/, undefined] as const),
    ],
    [
      ...(['comes from it if its updates have expired with one', {}, { fields: PAST }] as const),
      ...(['buster', /buster-updates\/ was valid until 2024-01-01/, undefined] as const),
    ],
    [
      ...(['comes from it if a stranger signed its updates', {}, { by: 'stranger' }] as const),
      ...(['buster', /buster-updates\/InRelease: no accepted key/, undefined] as const),
    ],
    [
      'comes from its updates, whatever the state of the release',
      { fields: PAST },
      {},
      'buster-updates',
      undefined,
      undefined,
    ],
    [
      ...(['is refused with both reasons if neither can be used', { fields: PAST }, { by: 'stranger' }] as const),
      ...([
        undefined,
        undefined,
        /buster\/ was valid until 2024-01-01[^;]*; .*and its updates: http\S+buster-updates\/InRelease: no accepted key/,
      ] as const),
    ],
    [
      ...(['is refused if only its expired updates may have one', { isEmpty: true }, { fields: PAST }] as const),
      ...([undefined, undefined, /buster-updates\/ was valid until 2024-01-01/] as const),
    ],
  ];
  it('is refused with one reason and a remedy if this host lacks the keys', { timeout: CASE_MS_MAX }, async () => {
    write('buster', {});
    write('buster-updates', {});
    const { problems } = await ask(signed.url, '/none/k.gpg');
    assert.deepEqual(
      problems.map(({ message }) => message),
      [
        'the source debian-installer cannot be used: this host lacks its keys: copy /none/k.gpg from a host that has it',
      ],
    );
    const packaged = describeKeysRemedy(['/none/k.gpg', '/usr/share/keyrings/debian-archive-keyring.gpg']);
    assert.equal(packaged, 'sudo apt-get install debian-archive-keyring');
  });

  it('names the URL and the way to another mirror if the mirror lacks a file', { timeout: CASE_MS_MAX }, async () => {
    const place = new DownloadPlace();
    try {
      const lost = { name: 'a.gz', url: `${signed.url}dists/lost/a.gz?token=x`, mirrors: [], bytes: undefined };
      const digest = { algorithm: 'sha256', hex: 'ab'.repeat(32) } as const;
      const request = buildDownload({ ...lost, digest }, 'installer/debian/lost/amd64', scratch, 1000);
      const fetch = async (mirrorKey: string | undefined): Promise<string> => {
        try {
          await place.queue().fetch({ ...request, mirrorKey });
        } catch (error) {
          return importText(buildFailureReason(error));
        }
        return assert.fail('there is such a file');
      };
      const said = `${new URL(signed.url).host} did not deliver ${signed.url}dists/lost/a.gz (HTTP 404): check the URL, or use another mirror`;
      assert.equal(await fetch(undefined), said);
      assert.equal(
        await fetch('preseeds.debian_mirror'),
        `${said}: sudo rackboot config set preseeds.debian_mirror URL`,
      );
    } finally {
      await place.close();
    }
    const keyOf = (os: string, architecture: string, mirror?: string) => findMirrorKey({ os, mirror }, architecture);
    assert.equal(keyOf('debian', 'amd64'), 'preseeds.debian_mirror');
    assert.equal(keyOf('ubuntu', 'i386'), 'preseeds.ubuntu_mirror');
    assert.equal(keyOf('ubuntu', 'arm64'), 'preseeds.ubuntu_ports_mirror');
    assert.equal(keyOf('debian', 'amd64', signed.url), undefined);
    assert.equal(keyOf('other', 'amd64'), undefined);
  });

  for (const [name, base, updates, suite, leftOut, problem] of rows) {
    it(name, { timeout: CASE_MS_MAX }, async () => {
      write('buster', base);
      write('buster-updates', updates);
      const { offers, problems } = await ask();
      const [offer] = pickOffers(offers, 'installer');
      assert.equal(offer === undefined ? undefined : /dists\/([^/]+)\//.exec(offer.files[0].url)?.[1], suite);
      if (leftOut !== undefined) assert.match(offer?.leftOut ?? '', leftOut);
      else assert.equal(offer?.leftOut, undefined);
      if (leftOut !== undefined && offer !== undefined)
        assert.match(
          describeLeftOutUpdates(offer) ?? '',
          /^installer\/debian\/buster\/amd64 .*without buster-updates, which may have a newer one: /,
        );
      assert.equal(problems.length, problem === undefined ? 0 : 1);
      if (problem !== undefined) assert.match(problems[0]?.message ?? '', problem);
    });
  }

  it('is refused with one reason if the mirror cannot be reached', { timeout: CASE_MS_MAX }, async () => {
    const { problems } = await ask('http://127.0.0.1:1/');
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.message ?? '', /buster\/InRelease: 127\.0\.0\.1:1 /);
    assert.doesNotMatch(problems[0]?.message ?? '', /updates/);
  });
});
