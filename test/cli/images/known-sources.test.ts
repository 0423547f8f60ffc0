// `rackboot images available`, `check-sources` and `import` with the sources that people added to the region, which answers at a control socket
// of the test; and the sizes and dates of plain sites, which their servers tell.
// @host waits

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { readImages } from '../../../src/images/store/image-store.ts';
import { makeSquashfs } from '../../images/disks.ts';
import { GpgHome } from '../../support/gpg-home.ts';
import { FileSite } from '../../support/image-site.ts';
import { missing } from '../../support/needs.ts';
import { printedBy } from '../../support/printed.ts';
import { type SiteProduct, writeStreamSite } from '../../support/stream-site.ts';

/** The product of a system of MAAS, with the root that an import accepts. */
const product = (os: string, release: string, version: string): SiteProduct => ({
  tags: {
    arch: 'amd64',
    os,
    release,
    version,
    aliases: `${version},lts`,
    label: 'stable',
    subarch: 'ga-24.04',
    subarches: 'generic',
  },
  versions: {
    '20261015': {
      files: Object.fromEntries(
        ['boot-kernel', 'boot-initrd', 'squashfs'].map((ftype) => {
          const words = `${os} ${release} ${ftype}`;
          const content = ftype === 'squashfs' ? makeSquashfs(words) : words;
          return [ftype, { ftype, path: `${os}-${release}/${ftype}`, content }];
        }),
      ),
    },
  },
});

describe('sources that people added to the region', { skip: missing('linux', 'gpg') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-known-'));
  const gpg = new GpgHome();
  const [ofFile, added, unsigned] = ['file', 'added', 'unsigned'].map((name) => new FileSite(join(scratch, name)));
  const state = join(scratch, 'state');
  const config = join(scratch, 'rackboot.yaml');
  const sources = join(scratch, 'sources.yaml');
  let rows: readonly object[] = [];
  const sent: string[] = [];
  let region: Server;
  let addedUrl = '';

  before(async () => {
    assert.ok(ofFile !== undefined && added !== undefined && unsigned !== undefined);
    const signer = { home: gpg, key: gpg.makeKey('site') };
    const stranger = { home: gpg, key: gpg.makeKey('stranger') };
    writeFileSync(join(scratch, 'keys.gpg'), gpg.export(['site']));
    writeStreamSite(join(scratch, 'file'), { 'a:download': { noble: product('ubuntu', 'noble', '24.04') } }, signer);
    writeStreamSite(
      join(scratch, 'added'),
      {
        'b:download': {
          noble: product('ubuntu', 'noble', '24.04'),
          jammy: product('ubuntu', 'jammy', '22.04'),
          nine: product('rock', '9', '9.1'),
        },
      },
      signer,
    );
    writeStreamSite(join(scratch, 'unsigned'), { 'c:download': { own: product('own', 'one', '1') } }, stranger);
    const url = await ofFile.open();
    addedUrl = await added.open();
    const other = await unsigned.open();
    const stream = `kind: simplestreams, url: "${url}", content_ids: ["a:download"], arches: { amd64: amd64 }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }`;
    // The shipped sources are replaced: nothing is asked of the Internet.
    const shipped =
      'ubuntu debian rocky almalinux fedora opensuse maas maas-centos maas-loaders debian-installer ubuntu-installer';
    const away = shipped.split(' ').filter((name) => name !== 'ubuntu');
    writeFileSync(
      sources,
      `sources:\n  - { name: ubuntu, title: Site, os: ubuntu, ${stream} }\n${away.map((name) => `  - { name: ${name}, title: Away, os: away, by_name: true, ${stream} }\n`).join('')}`,
    );
    mkdirSync(state);
    writeFileSync(config, `name: rack\nstate_dir: ${state}\n`);
    const row = {
      id: 1,
      title: '',
      kind: 'simplestreams',
      keyring_filename: '',
      index: null,
      unsigned: false,
      why: null,
      pinned_by: null,
    };
    const data = Buffer.from(gpg.export(['site'])).toString('base64');
    rows = [
      { ...row, url, name: 'ubuntu', keyring_data: '', pinned_by: { file: sources, key: 'sources[0]' } },
      { ...row, id: 2, url: addedUrl, name: addedUrl, keyring_data: data },
      {
        ...row,
        id: 3,
        url: `${other}streams/v1/index.sjson`,
        name: `${other}streams/v1/index.sjson`,
        keyring_data: '',
        unsigned: true,
        why: 'ours',
      },
    ];
    region = createServer(async (request, response) => {
      const { method, url: path = '' } = request;
      // It has no thread of images: the commands import by themselves.
      if (path === '/images') {
        response.writeHead(503).end();
        return;
      }
      response.writeHead(200, { 'Content-Type': 'application/json' });
      if (method === 'GET') {
        assert.match(path, /^\/MAAS\/api\/2\.0\/boot-sources\/\?details=true$/);
        response.end(JSON.stringify(rows));
        return;
      }
      const form = new URLSearchParams(await text(request));
      sent.push(`${method} ${path.replace('/MAAS/api/2.0', '')} ${[...form].map((pair) => pair.join('=')).join(' ')}`);
      response.end(JSON.stringify({ id: 9, url: form.get('url') ?? addedUrl }));
    });
    await once(region.listen(join(state, 'rackboot.sock')), 'listening');
  });
  after(() => {
    region.close();
    for (const site of [ofFile, added, unsigned]) site?.close();
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  const imagesOf = (place: string, words: readonly string[]) =>
    printedBy(() => runCommandLine(['images', ...words, '--sources', sources, '--config', place]));
  const images = (...words: readonly string[]) => imagesOf(config, words);

  test('are listed after those of files, by the systems that they have', async () => {
    const { text: shown, complaint } = await images('available', 'ubuntu', '--all');
    assert.equal(complaint, '');
    assert.deepEqual(
      shown
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(/ {2,}/))
        .map(([name, , , , source]) => [name, source]),
      [
        ['ubuntu/jammy/amd64', addedUrl],
        ['ubuntu/noble/amd64', 'ubuntu'],
        ['ubuntu/noble/amd64', addedUrl],
      ],
    );
    const own = await images('available', 'own', '--all');
    assert.match(
      own.text,
      /^own\/one\/amd64 +20261015 /m,
      'an unsigned source needs no key, even for a clear-signed index',
    );
    assert.match((await images('available')).text, /^rock\/9\/amd64/m);
  });

  test('can be listed alone, by name or URL; a name or a filter that nothing has is refused', async () => {
    const sourcesOf = async (...words: readonly string[]) => {
      const { result, text: shown, complaint } = await images('available', '--all', ...words);
      assert.equal(result, 0, complaint);
      const lines = shown.trim().split('\n').slice(1);
      return [...new Set(lines.map((line) => line.split(/ {2,}/).at(-1)))];
    };
    assert.deepEqual(await sourcesOf('--source', addedUrl), [addedUrl]);
    assert.deepEqual(await sourcesOf('ubuntu', '--source', addedUrl.slice(0, -1)), [addedUrl]);
    assert.deepEqual(await sourcesOf('--source', 'ubuntu'), ['ubuntu']);
    for (const [words, why] of [
      [['ubunto'], /no source offers "ubunto"; did you mean ubuntu\? `.*images available\b.*` lists all/],
      [['ubuntu/nobel'], /no source offers "ubuntu\/nobel"; /],
      [['ubuntu', '--source', 'nosuch'], /there is no source "nosuch"/],
      [['ubuntu', '--filter', 'foo=1'], /--filter foo=1: .*; use os, release, arch, subarch, label, source/],
      [['ubuntu', '--filter', 'realease=noble'], /no image has a realease; did you mean release\? /],
    ] as const) {
      const { result, complaint } = await images('available', ...words);
      assert.notEqual(result, 0);
      assert.match(complaint, why);
    }
    const tree = mkdtempSync(join(scratch, 'tree-'));
    const { complaint } = await images('import', 'ubuntu/noble', '--arch', 'riscv', '--tree', tree);
    assert.match(complaint, /^rackboot: ubuntu, \S+, \S+ have no ubuntu\/noble for riscv: /m);
  });

  test('are checked, in a line for each', async () => {
    const checked = await images('check-sources');
    const lines = checked.text.trim().split('\n');
    assert.equal(lines.length, 13);
    assert.equal(lines[11], `ok   ${addedUrl}: 3 images`);
    assert.match(lines[12] ?? '', /^ok {3}http:.*index\.sjson: 1 image$/);
  });

  test('deliver images: after those of files by default, or by their URL', async () => {
    const sourceOf = async (image: string, ...words: readonly string[]): Promise<string | undefined> => {
      const tree = mkdtempSync(join(scratch, 'tree-'));
      const { result, complaint } = await images('import', image, '--tree', tree, ...words);
      assert.equal(result, 0, complaint);
      return readImages(tree).images[0]?.origin?.source;
    };
    assert.equal(await sourceOf('ubuntu/24.04'), 'ubuntu');
    assert.equal(await sourceOf('rock/9'), addedUrl);
    assert.equal(await sourceOf('ubuntu/noble', '--source', addedUrl), addedUrl);
    assert.equal(await sourceOf('ubuntu/noble', '--source', addedUrl.slice(0, -1)), addedUrl);
  });

  test('are added, shown and changed with index and trust; the answer names the command that imports', async () => {
    const at = (...words: readonly string[]) =>
      printedBy(() => runCommandLine(['images', 'sources', ...words, '--config', config]));
    const unkept = await at('add', 'https://lab.example/');
    assert.notEqual(unkept.result, 0);
    assert.match(unkept.complaint, /--keyring FILE.*--unsigned --why TEXT/);
    const done = await at('add', 'https://lab.example', '--unsigned', '--why', 'our mirror', '--index', 'a/index.json');
    assert.equal(done.result, 0, done.complaint);
    assert.match(done.text, /images available .*--source https:\/\/lab\.example\/$/m);
    assert.match(done.text, /select images from it: .* 9 ubuntu\/noble\n.*To import at once: .* images import/);
    await at('add', 'https://lab.example/streams/v1/index.json', '--unsigned', '--why', 'our mirror');
    await at('set', '2', '--unsigned', '--why', 'moved');
    assert.deepEqual(sent, [
      'POST /boot-sources/ index=a/index.json unsigned=true why=our mirror url=https://lab.example/',
      'POST /boot-sources/ unsigned=true why=our mirror url=https://lab.example/streams/v1/index.json',
      'PUT /boot-sources/2/ unsigned=true why=moved',
    ]);
    assert.match((await at('list')).text, /^3 .*unsigned.*\n.*index\.sjson\n +unsigned: ours$/m);
  });

  test('are missing without a running region, as one line says', async () => {
    const alone = join(scratch, 'alone.yaml');
    writeFileSync(alone, `name: rack\nstate_dir: ${join(scratch, 'none')}\n`);
    const { text: shown, complaint } = await imagesOf(alone, ['available', 'ubuntu', '--all']);
    assert.match(shown, /ubuntu\/noble/);
    assert.doesNotMatch(shown, /jammy/);
    assert.match(complaint, /^Note: sources that people added to the region are not used: [^\n]*\n?$/);
  });

  test('are not asked for if a source of a file is named', async () => {
    const alone = join(scratch, 'alone.yaml');
    const tree = mkdtempSync(join(scratch, 'tree-'));
    const { result, complaint } = await imagesOf(alone, [
      'import',
      'ubuntu/noble',
      '--source',
      'ubuntu',
      '--tree',
      tree,
    ]);
    assert.equal(result, 0, complaint);
    assert.doesNotMatch(complaint, /Note/);
  });

  test('plain sites and installers have the sizes and dates that their servers tell; one that does not tell has none', async () => {
    const asked: string[] = [];
    const list = ['told', 'silent', 'refused'].map(
      (name) => `${createHash('sha256').update(name).digest('hex')}  ${name}.qcow2\n`,
    );
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      asked.push(`${request.method} ${path}`);
      if (path === '/SHA256SUMS') response.end(gpg.sign(list.join(''), { key: 'site', form: 'clear' }));
      else if (path === '/told.qcow2')
        response
          .writeHead(200, { 'Content-Length': 3 * 1024 * 1024, 'Last-Modified': 'Thu, 15 Oct 2026 08:00:00 GMT' })
          .end();
      else if (path === '/refused.qcow2') response.writeHead(405).end();
      else response.writeHead(200).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const file = join(scratch, 'plain.yaml');
      writeFileSync(
        file,
        `sources:\n  - { name: plain, title: Plain, os: plain, kind: files, directory: "${at}", file: "{release}.qcow2", checksums: SHA256SUMS,
    arches: { amd64: x }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] },
    releases: [{ name: told, title: T }, { name: silent, title: S }, { name: refused, title: R }] }\n`,
      );
      const plain = (...words: readonly string[]) =>
        printedBy(() =>
          runCommandLine(['images', 'available', 'plain', '--sources', file, '--config', config, ...words]),
        );
      const { text: shown, complaint } = await plain();
      assert.match(shown, /^plain\/told\/amd64 +20261015 +3\.0 MiB /m, complaint);
      assert.match(shown, /^plain\/silent\/amd64 +– +– /m);
      assert.match(shown, /^plain\/refused\/amd64 +– +– /m);
      assert.deepEqual(asked.filter((one) => one.endsWith('.qcow2')).toSorted(), [
        'HEAD /refused.qcow2',
        'HEAD /silent.qcow2',
        'HEAD /told.qcow2',
      ]);
      const { offers } = JSON.parse((await plain('--json')).text);
      const dated = offers.find(({ release }: { release: string }) => release === 'told');
      assert.deepEqual([dated.bytes, dated.modified], [3 * 1024 * 1024, '2026-10-15T08:00:00.000Z']);
    } finally {
      server.close();
    }
  });

  test('a source with several problems has one line, which names the command that shows all', async () => {
    const server = createServer((_, response) => response.writeHead(404).end());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const file = join(scratch, 'broken.yaml');
      writeFileSync(
        file,
        `sources:\n  - { name: broken, title: Broken, os: broken, kind: files, directory: "${at}{release}/", file: "x.img", checksums: SUMS,
    arches: { amd64: x }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }, releases: [{ name: a, title: A }, { name: b, title: B }] }\n`,
      );
      const { complaint } = await printedBy(() =>
        runCommandLine(['images', 'available', 'broken', '--sources', file, '--config', config]),
      );
      assert.match(
        complaint,
        /^the source broken cannot be used: .*\/a\/SUMS.*; `.*images check-sources\b.* --verbose` shows 1 other problem\n?$/,
      );
      const check = async (...words: readonly string[]): Promise<readonly string[]> => {
        const given = ['images', 'check-sources', ...words, '--sources', file, '--config', config];
        const { text } = await printedBy(() => runCommandLine(given));
        const lines = text.split('\n');
        const at = lines.findIndex((line) => line.startsWith('BAD  broken: '));
        return lines.slice(at, at + 2);
      };
      const [line = '', next] = await check();
      assert.match(line, /^BAD {2}broken: 0 images, 2 problems \(--verbose shows all\); the first: .*\/a\/SUMS/);
      assert.doesNotMatch(next ?? '', /^ /);
      const [first = '', second] = await check('--verbose');
      assert.match(first, /^BAD {2}broken: 0 images; .*\/a\/SUMS/);
      assert.match(second ?? '', /^ {5}.*\/b\/SUMS/);
    } finally {
      server.close();
    }
  });

  test('a source of which only one release cannot be used is told as such, and a wrong name despite a source that fails', async () => {
    const line = `${createHash('sha256').update('x').digest('hex')}  x.img\n`;
    const server = createServer((request, response) => {
      if (request.url === '/b/SUMS') response.end(gpg.sign(line, { key: 'site', form: 'clear' }));
      else response.writeHead(404).end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const file = join(scratch, 'partly.yaml');
      const one = (name: string, releases: string): string =>
        `  - { name: ${name}, title: Partly, os: partly, kind: files, directory: "${at}{release}/", file: "x.img", checksums: SUMS,
    arches: { amd64: x }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }, releases: [${releases}] }\n`;
      const [bad, good] = ['{ name: aaa, title: A }', '{ name: b, title: B }'];
      writeFileSync(file, `sources:\n${one('partly', `${bad}, ${good}`)}${one('whole', good)}${one('other', bad)}`);
      const images = (...words: readonly string[]) =>
        printedBy(() => runCommandLine(['images', ...words, '--sources', file, '--config', config]));
      const shown = await images('available', 'partly', '--source', 'partly');
      assert.match(shown.text, /^partly\/b\/amd64 /m);
      assert.match(shown.complaint, /^a part of the source partly cannot be used: .*\/aaa\/SUMS/);
      const checked = await images('check-sources', '--source', 'whole');
      assert.deepEqual([checked.result, checked.text], [0, 'ok   whole: 1 image\n'], checked.complaint);
      assert.match(
        (await images('check-sources', '--source', 'hole')).complaint,
        /no source "hole"; did you mean whole/,
      );
      const tree = mkdtempSync(join(scratch, 'tree-'));
      const { complaint } = await images('import', 'partly/aaa', '--tree', tree);
      assert.match(
        complaint,
        /the source partly cannot be used: .*\n(?:.*\n)*whole\b.* have no partly\/aaa for amd64: `.* images available .*partly` lists all\n$/,
      );
    } finally {
      server.close();
    }
  });

  test('sources that cannot be reached for the same reason share a line', async () => {
    const file = join(scratch, 'unreached.yaml');
    const one = (name: string): string =>
      `  - { name: ${name}, title: Away, os: lost, kind: files, directory: "http://${name}.invalid/", file: "{release}.img", checksums: SUMS,
    arches: { amd64: x, arm64: y }, signed: { keyrings: [${join(scratch, 'keys.gpg')}] }, releases: [{ name: a, title: A }, { name: b, title: B }] }\n`;
    writeFileSync(file, `sources:\n${['one', 'two', 'three'].map(one).join('')}`);
    const before = rows;
    rows = [];
    try {
      const { result, text, complaint } = await printedBy(() =>
        runCommandLine(['images', 'available', 'lost', '--sources', file, '--config', config]),
      );
      assert.equal(result, 1);
      assert.equal(text.trim(), 'No image can be listed.');
      assert.match(
        complaint,
        /^one, two, three cannot be reached\. Of the first of them: the name one\.invalid has no address[^\n]*\n?$/,
      );
    } finally {
      rows = before;
    }
  });
});
