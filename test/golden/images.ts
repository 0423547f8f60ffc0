// What the commands of images print, exit with and leave in the tree, of sites on loopback: honest ones, and each with one fault. Only faults that
// end at once: what is tried again for minutes is of test/images.
//
// 1. A site's port, its key and the directories have names in their places; nothing else differs from run to run.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../src/cli/command-line.ts';
import { makeSystemDisk } from '../images/disks.ts';
import { GpgHome } from '../support/gpg-home.ts';
import { diskProduct, ItemSites, installerProduct, loaderProduct } from '../support/item-site.ts';
import { printedBy } from '../support/printed.ts';
import { productsDocument, type SiteContent, WHOLE_SITE, writeStreamSite } from '../support/stream-site.ts';
import { pretty } from './networks.ts';

const CONTENT_ID = 'com.example:download';
const INDEX = '/streams/v1/index.sjson';
const PRODUCTS = `/streams/v1/${CONTENT_ID}.sjson`;
const DISK = '/disk.img';
const MIB = 1024 * 1024;

/** Answers one path of a site in its own way. */
interface Fault {
  readonly path: string;
  readonly answer: (response: ServerResponse, honest: Buffer, sign: (text: string) => Buffer) => void;
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end();

const FAULTS: Readonly<Record<string, Fault>> = {
  'no index': { path: INDEX, answer: status(404) },
  'an index that leads to itself': { path: INDEX, answer: status(302, { Location: INDEX }) },
  'an index that is not JSON': { path: INDEX, answer: (response, _honest, sign) => void response.end(sign('{')) },
  'an index that nobody signed': { path: INDEX, answer: (response) => void response.end('{}') },
  'an index that was changed': {
    path: INDEX,
    answer: (response, honest) => void response.end(honest.toString('utf8').replace('products:1.0', 'products:1.1')),
  },
  'no products': { path: PRODUCTS, answer: status(404) },
  'products that are too large': {
    path: PRODUCTS,
    answer: (response) => void response.writeHead(200, { 'Content-Length': 200 * MIB }).write('{'),
  },
  'products of another content id': {
    path: PRODUCTS,
    answer: (response, _honest, sign) => void response.end(sign(JSON.stringify(productsDocument('other', {})))),
  },
  'no image': { path: DISK, answer: status(404) },
  'an image that is gone': { path: DISK, answer: status(410) },
  'an image for others': { path: DISK, answer: status(403) },
  'an image that leads to itself': { path: DISK, answer: status(302, { Location: DISK }) },
  'an image of another scheme': { path: DISK, answer: status(302, { Location: 'ftp://files.example/disk.img' }) },
  'an image that is encoded': {
    path: DISK,
    answer: (response, honest) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(honest),
  },
  'an image of another size': {
    path: DISK,
    answer: (response, honest) => void response.end(honest.subarray(0, MIB / 2)),
  },
  'an image of other bytes': {
    path: DISK,
    answer: (response) => void response.end(Buffer.from(makeSystemDisk(MIB, 9))),
  },
};

const product = (release: string, content: Uint8Array | string) => ({
  tags: { arch: 'amd64', os: 'tiny', release, version: release, label: 'release', release_title: release },
  versions: {
    '20261101': {
      files: { 'disk1.img': { ftype: 'disk1.img', path: release === 'one' ? 'disk.img' : `${release}.img`, content } },
    },
  },
});
const CONTENT: SiteContent = {
  [CONTENT_ID]: {
    'com.example:one:amd64': product('one', makeSystemDisk(MIB)),
    'com.example:none:amd64': product('none', 'not a disk'),
  },
};

interface Site {
  /** `127.0.0.1:40000` */
  readonly host: string;
  close(): void;
}

/** Serves a directory. */
async function serve(directory: string, sign: (text: string) => Buffer, fault?: Fault): Promise<Site> {
  const server = createServer(({ url = '' }, response) => {
    const file = join(directory, url);
    const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
    const honest = isThere ? readFileSync(file) : Buffer.alloc(0);
    if (fault?.path === url) fault.answer(response, honest, sign);
    else if (isThere) response.writeHead(200, { ETag: '"one"', 'Content-Length': honest.length }).end(honest);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const TINY = { tiny: CONTENT_ID };
/** The documents of WHOLE_SITE, by the systems of what they have. */
const [MAAS = '', CENTOS = '', LOADERS = '', CLOUD = ''] = Object.keys(WHOLE_SITE);

const filesIn = (tree: string): string =>
  [
    ...new Set(
      readdirSync(tree, { recursive: true, encoding: 'utf8' }).map((name) =>
        name.replace(/(?<=\.seen\/)[0-9a-f]{32}/, 'URL'),
      ),
    ),
  ]
    .toSorted()
    .join(' ');

/** All of it, a command after the other. */
export async function imageTexts(): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-images-'));
  const gpg = new GpgHome();
  const key = gpg.makeKey('site', 'ed25519', 'never', '20260101T000000');
  const keyring = join(scratch, 'keys.gpg');
  writeFileSync(keyring, gpg.export(['site']));
  const sign = (text: string): Buffer => gpg.sign(text, { key, form: 'clear' });
  writeStreamSite(join(scratch, 'site'), CONTENT, { home: gpg, key });
  writeStreamSite(join(scratch, 'whole'), WHOLE_SITE, { home: gpg, key });
  const file = join(scratch, 'sources.yaml');
  const lines: string[] = [];
  const titles = new Map<string, string>();
  const add = (title: string, text: string): void => {
    const before = titles.get(text);
    lines.push(`==== ${title}`, before === undefined ? text : `as ${before}`);
    titles.set(text, before ?? title);
  };

  /** Runs commands with sources of these sites, in their order: one for each system and its document. No other source has these systems. */
  const run = async (title: string, sites: readonly Site[], commands: readonly string[], ids: object = TINY) => {
    const tree = mkdtempSync(join(scratch, 'tree-'));
    const sources = sites.flatMap(({ host }, at) =>
      Object.entries(ids).map(
        ([
          os,
          id,
        ]) => `  - { name: ${os}${at}, title: Site, os: ${os}, kind: simplestreams, url: "http://${host}/", content_ids: ["${id}"],
      arches: { amd64: amd64, arm64: arm64 }, signed: { keyrings: [${keyring}] } }\n`,
      ),
    );
    writeFileSync(file, `sources:\n${sources.join('')}`);
    const named = (text: string): string =>
      sites
        .reduce((all, { host }, at) => all.replaceAll(host, `site${at}`), text)
        .replaceAll(scratch, 'SCRATCH')
        .replaceAll(key.slice(-16), 'KEY')
        .replaceAll('sudo ', '');
    for (const command of commands) {
      const words = [
        ...command.split(' '),
        '--sources',
        file,
        ...(command.startsWith('import') ? ['--tree', tree] : []),
      ];
      const { result, text, complaint } = await printedBy(() => runCommandLine(['images', ...words]));
      const output = /^[[{]/.test(text) ? pretty(JSON.parse(text)) : text.trimEnd();
      add(`${title}: images ${command}`, named(`exits with ${result}\n${output}${complaint}`.trimEnd()));
    }
    if (commands.some((command) => command.startsWith('import'))) add(`${title}: the tree`, filesIn(tree));
  };

  /** A run of the region: what it selects, from two sites. */
  const runOfRegion = async (): Promise<void> => {
    const tree = mkdtempSync(join(scratch, 'tree-'));
    const sites = new ItemSites(scratch);
    const products = [
      diskProduct('debian', 'trixie'),
      diskProduct('debian', 'refused', 1, Buffer.from('not a disk')),
      diskProduct('debian', 'gone', 2),
      installerProduct('debian', 'bookworm'),
      loaderProduct('uefi'),
    ];
    const first = await sites.serve('first', products, ({ url }, response) => {
      if (!/trixie\.img|gone/.test(url ?? '')) return false;
      response.writeHead(404).end();
      return true;
    });
    const second = await sites.serve('second', products.slice(0, 2));
    await sites.begin(tree, [first, second]).ended;
    const hosts = [first, second].flatMap(({ source }) => ('url' in source ? new URL(source.url).host : []));
    const text = pretty({ items: Object.fromEntries([...sites.shown].toSorted()), left: sites.left, bugs: sites.bugs });
    add(
      'a run of the region',
      hosts.reduce((all, host, at) => all.replaceAll(host, `site${at}`), text),
    );
    add('a run of the region: the tree', filesIn(tree));
    await sites.close();
  };

  try {
    const whole = await serve(join(scratch, 'whole'), sign);
    const ids = { maas: MAAS, centos: CENTOS, bootloader: LOADERS, ubuntu: CLOUD };
    for (const name of Object.keys(ids)) {
      const commands = ['available --json', 'available', 'check-sources', 'check-sources --json'];
      await run(
        'a whole site',
        [whole],
        commands.map((command) => `${command} --source ${name}0`),
        ids,
      );
    }
    whole.close();
    const honest = await serve(join(scratch, 'site'), sign);
    await run(
      'honest',
      [honest],
      ['one --json', 'one', 'none --json', 'two --json'].map((name) => `import tiny/${name}`),
    );
    for (const [name, fault] of Object.entries(FAULTS)) {
      const bad = await serve(join(scratch, 'site'), sign, fault);
      const check = fault.path === DISK ? [] : ['check-sources --source tiny0'];
      await run(name, [bad], [...check, 'import tiny/one --json']);
      await run(`${name}, and an honest site`, [bad, honest], ['import tiny/one --json']);
      bad.close();
    }
    const silent = await serve(join(scratch, 'site'), sign, { path: INDEX, answer: () => undefined });
    await run('an honest site, and a silent one', [honest, silent], ['import tiny/one --json']);
    silent.close();
    honest.close();
    await runOfRegion();
    return `${lines.join('\n')}\n`;
  } finally {
    gpg.remove();
    rmSync(scratch, { recursive: true, force: true });
  }
}
