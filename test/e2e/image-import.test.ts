// `rackboot images import`, `available` and `check-sources` as a person types them, with a simplestream on loopback, signed by
// a real key, whose images qemu-img made.
// @host waits, 30 s
// @long more

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { makeSystemDisk } from '../images/disks.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { FileSite } from '../support/image-site.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { refused, runRackboot, well } from '../support/running-rack.ts';
import { writeStreamSite } from '../support/stream-site.ts';

const MIB = 1024 * 1024;
const SIZE = 24 * MIB;
const NAME = 'ubuntu/noble/amd64/generic/release/20261015';

describe('import of images', { skip: missing('linux', 'qemu-img', 'gpg', 'xz') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-import-'));
  const site = join(scratch, 'site');
  const gpg = new GpgHome();
  const disk = makeSystemDisk(SIZE, 3);
  let qcow2 = new Uint8Array();
  const server = new FileSite(site);
  let url = '';
  let sources = '';
  let tree = '';

  before(async () => {
    const key = gpg.makeKey('site');
    gpg.makeKey('stranger');
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
    writeFileSync(join(scratch, 'others.gpg'), gpg.export(['stranger']));
    writeFileSync(join(scratch, 'disk.raw'), disk);
    const [raw, converted] = ['disk.raw', 'disk.qcow2'].map((name) => join(scratch, name));
    execFileSync('qemu-img', ['convert', '-O', 'qcow2', '-c', raw ?? '', converted ?? '']);
    qcow2 = readFileSync(join(scratch, 'disk.qcow2'));
    const file = (serial: string) => ({
      files: { 'disk1.img': { ftype: 'disk1.img', path: `server/${serial}/disk.img`, content: qcow2 } },
    });
    const tags = { arch: 'amd64', os: 'ubuntu', release: 'noble', version: '24.04', label: 'release' };
    const product = {
      tags: { ...tags, aliases: '24.04,lts', release_title: '24.04 LTS', support_eol: '2099-05-31' },
      versions: { '20260901': file('20260901'), '20261015': file('20261015') },
    };
    writeStreamSite(
      site,
      { 'com.example:released:download': { 'com.example:noble:amd64': product } },
      { home: gpg, key },
    );
    url = await server.open();
    sources = writeSources('sources.yaml', 'keys.gpg');
  });
  after(() => {
    server.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });
  beforeEach(() => {
    tree = mkdtempSync(join(scratch, 'tree-'));
    server.sent = 0;
  });

  function writeSources(name: string, keyring: string): string {
    const path = join(scratch, name);
    const signed = `keyrings: [${join(scratch, keyring)}]`;
    writeFileSync(
      path,
      `sources:
    - { name: ubuntu, title: Ubuntu, os: ubuntu, kind: simplestreams, url: "${url}", content_ids: ["com.example:released:download"],
        ftypes: [disk1.img], arches: { amd64: amd64 }, signed: { ${signed} } }
  `,
    );
    return path;
  }

  const words = (...given: readonly string[]): readonly string[] => ['images', ...given];
  const rackboot = (...given: readonly string[]) => runRackboot(words(...given, '--sources', sources));
  const imported = (image: string, ...given: readonly string[]) => rackboot('import', image, '--tree', tree, ...given);

  function blobFile(): string {
    const [path = 'none'] = readdirSync(join(tree, 'images'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.img.zst') && !name.startsWith('.'),
    );
    return join(tree, 'images', path);
  }

  const blob = (): Uint8Array => readFileSync(blobFile());

  test('an image of a simplestream is imported by its name, converted, and downloaded once', async () => {
    const first = await imported('ubuntu/noble');
    assert.equal(first.code, 0, first.complaints.join('\n'));
    assert.match(first.output.join('\n'), new RegExp(`^Imported ${NAME}: `, 'm'));
    assert.match(
      first.output.at(-1) ?? '',
      /it starts by BIOS; its last partition \(ext4\) grows; it contains cloud-init\.$/,
    );
    assert.ok(Buffer.from(zstdDecompressSync(blob())).equals(disk), 'it is the disk, bit for bit');
    assert.deepEqual(readdirSync(join(tree, 'images', '.downloads')), []);
    const again = await imported('ubuntu/24.04');
    assert.deepEqual([again.code, again.output.at(-1)], [0, `${NAME} is already there.`]);
    assert.equal(server.sent, qcow2.length);
  });

  test('an image signed by a key that is not in the keyring is refused, with key and file', async () => {
    const others = writeSources('others.yaml', 'others.gpg');
    const imported = runRackboot(words('import', 'ubuntu/noble', '--tree', tree, '--sources', others));
    assert.match(await refused(imported), /the source \w+ cannot be used: .*index\.sjson.*[0-9A-F]{16}/);
    assert.equal(existsSync(join(tree, 'images', '.manifests')), false);
  });

  test('a damaged image is found, and downloaded again', async () => {
    assert.equal((await imported('ubuntu/noble')).code, 0);
    const whole = blob();
    const path = blobFile();
    const damaged = Uint8Array.from(whole);
    damaged[damaged.length - 100] = (damaged[damaged.length - 100] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    const report = await rackboot('fsck', '--tree', tree, '--report');
    assert.deepEqual([report.code, report.output.at(-1)], [1, 'Checked 1 file: 1 wrong.']);
    assert.match(report.complaints.join('\n'), new RegExp(`^${NAME} is damaged: images/\\S+ does not match its name`));
    assert.ok(readFileSync(path).equals(damaged), 'a report changes nothing');
    const repaired = await rackboot('fsck', '--tree', tree);
    assert.equal(repaired.code, 0, repaired.complaints.join('\n'));
    assert.ok(repaired.output.includes(`Imported ${NAME} again`), repaired.output.join('\n'));
    assert.ok(readFileSync(path).equals(whole));
    const again = await rackboot('fsck', '--tree', tree);
    assert.deepEqual([again.code, again.output.at(-1)], [0, 'Checked 1 file: all right.']);
  });

  test('an image goes to a host without the Internet in one file', async () => {
    assert.equal((await imported('ubuntu/noble')).code, 0);
    const bundle = join(tree, 'images.tar');
    const missed = await runRackboot(words('export', 'ubuntu/jammy', bundle, '--tree', tree));
    assert.notEqual(missed.code, 0);
    assert.match(missed.complaints.join('\n'), /there is no image "ubuntu\/jammy"/);
    assert.equal(existsSync(bundle), false);
    const { code, output, complaints } = await runRackboot(words('export', 'ubuntu', bundle, '--tree', tree));
    assert.equal(code, 0, complaints.join('\n'));
    assert.equal(output.at(-2), `Exported ${NAME}`);
    assert.match(
      (await runRackboot(words('export', 'ubuntu', bundle, '--tree', tree))).complaints.join('\n'),
      /already exists/,
    );
    const whole = blob();
    const given = bundle;
    tree = mkdtempSync(join(scratch, 'tree-'));
    const received = await imported(given);
    assert.equal(received.code, 0, received.complaints.join('\n'));
    assert.match(received.output.at(-1) ?? '', new RegExp(`^Imported ${NAME}: `));
    assert.ok(Buffer.from(whole).equals(blob()));
    // The source knows that this host has it.
    const known = await imported('ubuntu/noble');
    assert.equal(known.output.at(-1), `${NAME} is already there.`);
  });

  if (!HAS_MANY_ROUNDS) return;

  test('a source is reached through the proxy that the configuration names', async () => {
    const hosts = new Set<string>();
    const proxy = createServer(({ url: asked = '' }, response) => {
      const { host, pathname } = new URL(asked, 'http://none.invalid/');
      hosts.add(host);
      void fetch(new URL(pathname.slice(1), url)).then(async (answer) => {
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = proxy.address() as AddressInfo;
      const config = join(scratch, 'proxied.yaml');
      writeFileSync(
        config,
        `name: rack\nstate_dir: ${join(scratch, 'state')}\nhttp_proxy: http://127.0.0.1:${port}/\n`,
      );
      const proxied = join(scratch, 'proxied-sources.yaml');
      writeFileSync(proxied, readFileSync(sources, 'utf8').replaceAll(url, 'http://images.invalid/'));
      await well(
        runRackboot([...words('import', 'ubuntu/noble', '--tree', tree, '--sources', proxied, '--config', config)]),
      );
      assert.deepEqual([...hosts], ['images.invalid']);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });
});
