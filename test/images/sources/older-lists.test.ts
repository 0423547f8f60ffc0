// Lists that were signed before those that this host has seen: somebody between the site and this host, or a mirror that is behind, sends them
// again. Their signatures are right, but older installers and images must not replace the newer ones.
// @host waits

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import type { ImageSource } from '../../../src/images/sources/source.ts';
import { type InstallerSuite, installerFiles, writeInstallerSuite } from '../../support/installer-site.ts';
import { missing } from '../../support/needs.ts';
import { answerOf, filesSource, installerSource } from '../../support/offers.ts';
import { SignedSite } from '../../support/signed-site.ts';

const ARCH = 'amd64';
const CASE_MS_MAX = 30_000;
const BORN = '20150101T000000';
const OLD = { at: '20180426T000000', date: 'Thu, 26 Apr 2018 00:00:00 UTC' };
const NEW = { at: '20250426T000000', date: 'Sat, 26 Apr 2025 00:00:00 UTC' };
type Age = typeof OLD;
const OLDER =
  /it is of 2018-04-26T00:00:00Z, but this host has seen that of 2025-04-26T00:00:00Z: .*remove images\/\.seen\//;

describe('a list that was signed before one that this host has seen', { skip: missing('linux', 'gpg') }, () => {
  const signed = new SignedSite();
  const { scratch, root, gpg } = signed;
  let tree = '';

  before(() => {
    gpg.makeKey('archive', 'ed25519', 'never', BORN);
    signed.accept('archive');
  });
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const installers = () => {
    const { url, trust } = signed;
    return installerSource('bionic', { name: 'ubuntu-installer', os: 'ubuntu', trust, mirror: url });
  };
  const files = () => filesSource({ trust: signed.trust, directory: signed.url });

  function write(suite: string, { at, date }: Age, form: Pick<InstallerSuite, 'form' | 'list'>, isEmpty = false): void {
    rmSync(join(root, 'dists', suite), { recursive: true, force: true });
    const files = { linux: Buffer.from(`kernel of ${suite} ${at}`), initrd: Buffer.from(`initrd of ${suite} ${at}`) };
    const installers = isEmpty ? {} : { [ARCH]: installerFiles(ARCH, files, { system: 'ubuntu' }) };
    const key = gpg.fingerprintOf('archive');
    writeInstallerSuite(root, { suite, ...form, at, fields: { Date: date }, installers }, { home: gpg, key });
  }

  function writeFiles({ at }: Age): void {
    mkdirSync(root, { recursive: true });
    const text = `${createHash('sha256').update(at).digest('hex')}  disk.img\n`;
    writeFileSync(join(root, 'SHA256SUMS'), text);
    const signature = gpg.sign(text, { key: gpg.fingerprintOf('archive'), form: 'detached', at });
    writeFileSync(join(root, 'SHA256SUMS.gpg'), signature);
  }

  const ask = (source: ImageSource, isRemembered = true) => answerOf(source, {}, isRemembered ? { tree } : {});

  /** @returns the suite of the offered installer, and the problems */
  async function suiteOf(isRemembered = true): Promise<readonly [suite: string | undefined, problem: string]> {
    const { offers, problems } = await ask(installers(), isRemembered);
    const suite = /dists\/([^/]+)\//.exec(offers[0]?.files[0].url ?? '')?.[1];
    return [suite, problems.map(({ message }) => message).join()];
  }

  const forms: readonly (readonly [name: string, form: Pick<InstallerSuite, 'form' | 'list'>])[] = [
    ['an InRelease', { form: 'clear', list: 'SHA256SUMS' }],
    ['a Release with its signature', { form: 'detached', list: 'SHA256SUMS' }],
  ];
  for (const [name, form] of forms)
    it(`offers no installer: ${name}`, { timeout: CASE_MS_MAX }, async () => {
      write('bionic', NEW, form);
      assert.deepEqual(await suiteOf(), ['bionic', '']);
      write('bionic', OLD, { form: 'detached', list: 'SHA256SUMS' });
      const [suite, problem] = await suiteOf();
      assert.equal(suite, undefined);
      assert.match(problem, OLDER);
      assert.deepEqual(await suiteOf(false), ['bionic', ''], 'without a tree nothing is remembered');
      write('bionic', NEW, form);
      assert.deepEqual(await suiteOf(), ['bionic', ''], 'the newest is accepted again');
    });

  it('offers no installer: the own list of an installer, under either name', { timeout: CASE_MS_MAX }, async () => {
    const own = { form: 'clear', list: 'own' } as const;
    write('bionic', NEW, own);
    assert.deepEqual(await suiteOf(), ['bionic', '']);
    write('bionic', OLD, own);
    // The release itself is sent as it was, without the list of the installer in it.
    const installer = join(root, 'dists/bionic/main');
    renameSync(installer, join(scratch, 'old'));
    write('bionic', NEW, own, true);
    renameSync(join(scratch, 'old'), installer);
    const [suite, problem] = await suiteOf();
    assert.equal(suite, undefined);
    assert.match(problem, OLDER);
  });

  it('of updates, or updates that are gone, bring the older installer of the release back only where none was seen', {
    timeout: CASE_MS_MAX,
  }, async () => {
    const form = { form: 'clear', list: 'SHA256SUMS' } as const;
    write('bionic', OLD, form);
    assert.deepEqual(await suiteOf(), ['bionic', '']);
    write('bionic-updates', NEW, form);
    assert.deepEqual(await suiteOf(), ['bionic-updates', '']);
    write('bionic-updates', OLD, form);
    const [suite, problem] = await suiteOf();
    assert.equal(suite, undefined);
    assert.match(problem, OLDER);
    rmSync(join(root, 'dists/bionic-updates'), { recursive: true });
    const [without, gone] = await suiteOf();
    assert.equal(without, undefined);
    assert.match(
      gone,
      /^the source ubuntu-installer cannot be used: the mirror no longer has http.*\/dists\/bionic-updates\/main\/installer-amd64\/current\/images\/netboot\/: use another mirror, or try again later; the older installer of bionic itself does not replace the one that this host has seen there; if the site has withdrawn that one, remove images\/\.seen\/[0-9a-f]{32}\.json below the boot tree$/,
    );
    assert.deepEqual(await suiteOf(false), ['bionic', '']);
    rmSync(join(tree, /images\/\.seen\/[0-9a-f]{32}\.json/.exec(gone)?.[0] ?? ''));
    assert.deepEqual(await suiteOf(), ['bionic', ''], 'after the remedy');
  });

  it('of checksums offers no image', { timeout: CASE_MS_MAX }, async () => {
    writeFiles(NEW);
    assert.equal((await ask(files())).offers.length, 1);
    writeFiles(OLD);
    const { offers, problems } = await ask(files());
    assert.deepEqual(offers, []);
    assert.match(problems[0]?.message ?? '', OLDER);
    assert.equal((await ask(files(), false)).offers.length, 1);
  });
});
