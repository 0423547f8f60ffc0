// An import of a large disk image by the region of a daemon, for the isolation benchmark: downloaded, hashed, compressed and written meanwhile.
//
// 1. The import is under way from `begin` to `end`, which fails if it ended earlier. Each begins with the first byte.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WITHOUT_WARNING } from '../bin/daemon-flags.js';
import { askDaemon } from '../src/control/ask-daemon.ts';
import { sleep } from '../src/ground/clock.ts';
import type { LabNamespace } from '../src/lab/namespace.ts';
import { ended } from '../test/support/child.ts';
import { eventuallyWithin } from '../test/support/eventually.ts';
import { GpgHome } from '../test/support/gpg-home.ts';
import { indexDocument } from '../test/support/stream-site.ts';
import { findProgram } from './peer.ts';

/** More than an import brings while it is measured. */
const BYTES = 6 * 1024 ** 3;
const STATE_MS_MAX = 60_000;
const CONTENT_ID = 'com.example:download';
const SITE_PROGRAM = join(import.meta.dirname, 'import-site.ts');

interface Resource {
  readonly id: number;
  readonly import: { readonly state: string; readonly bytes: number } | null;
}

export class ImportLoad {
  readonly #directory: string;
  readonly #stateDir: string;
  readonly #gpg = new GpgHome();
  #server: ChildProcess | undefined;
  #url = '';
  #namespace = '';

  /** @param directory for the site's files @param stateDir of the daemon */
  constructor(directory: string, stateDir: string) {
    this.#directory = join(directory, 'site');
    this.#stateDir = stateDir;
  }

  /** Starts the site in the daemon's namespace, and selects its image. */
  async open(namespace: LabNamespace): Promise<void> {
    const words = [WITHOUT_WARNING, SITE_PROGRAM, this.#directory, String(BYTES)];
    const server = namespace.spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#server = server;
    const [line] = server.stdout === null ? [''] : await once(server.stdout, 'data');
    const [port, sha256] = JSON.parse(String(line));
    const fingerprint = this.#gpg.makeKey('site');
    const write = (name: string, document: object): void => {
      const path = join(this.#directory, 'streams/v1');
      mkdirSync(path, { recursive: true });
      const signed = this.#gpg.sign(`${JSON.stringify(document)}\n`, { key: fingerprint, form: 'clear' });
      writeFileSync(join(path, `${name}.sjson`), signed);
    };
    const items = { 'disk1.img': { ftype: 'disk1.img', path: 'large.img', size: BYTES, sha256 } };
    const tags = { arch: 'amd64', os: 'ubuntu', release: 'noble', version: '24.04', label: 'release' };
    const products = { 'com.example:noble:amd64': { ...tags, versions: { '20261015': { items } } } };
    write(CONTENT_ID, { content_id: CONTENT_ID, format: 'products:1.0', products });
    write('index', indexDocument({ [CONTENT_ID]: {} }, true));
    this.#url = `http://127.0.0.1:${port}/`;
    this.#namespace = namespace.name;
    const keys = Buffer.from(this.#gpg.export(['site'])).toString('base64');
    const added = await this.#ask('POST', 'boot-sources/', { url: this.#url, keyring_data: keys });
    const { id } = added as { readonly id: number };
    await this.#ask('POST', `boot-sources/${id}/selections/`, { os: 'ubuntu', release: 'noble', arches: 'amd64' });
  }

  /** Lets other programs do the same while `measure` runs: curl and sha256sum. */
  async besides<T>(measure: () => Promise<T>): Promise<T> {
    const file = join(this.#directory, 'fetched');
    const fetch = `'${findProgram('curl', 'curl')}' -sf ${this.#url}large.img | tee '${file}' | sha256sum`;
    const group = spawn('setsid', ['ip', 'netns', 'exec', this.#namespace, 'sh', '-c', `while :; do ${fetch}; done`], {
      stdio: 'ignore',
    });
    try {
      await sleep(1000);
      return await measure();
    } finally {
      if (group.pid !== undefined) process.kill(-group.pid, 'SIGKILL');
      await ended(group);
      rmSync(file, { force: true });
    }
  }

  /** Begins the import, and waits until bytes arrive. */
  async begin(): Promise<void> {
    await this.#ask('POST', 'boot-resources/?op=import', {});
    await eventuallyWithin(STATE_MS_MAX, 'the import is under way', async () => {
      const { state, bytes } = await this.#progress();
      return state === 'downloading' && bytes > 0;
    });
  }

  /** The bytes that have arrived. */
  async bytes(): Promise<number> {
    return (await this.#progress()).bytes;
  }

  /** Ends the import, and removes what it brought. @throws Error if it has ended before */
  async end(): Promise<void> {
    const { state } = await this.#progress();
    if (state !== 'downloading') throw new Error(`the import was ${state} before the measurement ended`);
    await this.#ask('POST', 'boot-resources/?op=stop_import', {});
    await eventuallyWithin(STATE_MS_MAX, 'the import has stopped', async () => {
      return (await this.#ask('GET', 'boot-resources/?op=is_importing')) === false;
    });
    await sleep(500);
    rmSync(join(this.#stateDir, 'boot/images/.downloads'), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    this.#server?.kill('SIGKILL');
    if (this.#server !== undefined) await ended(this.#server);
    this.#gpg.remove();
  }

  async #progress(): Promise<{ readonly state: string; readonly bytes: number }> {
    const [resource] = (await this.#ask('GET', 'boot-resources/')) as readonly Resource[];
    return resource?.import ?? { state: 'unknown', bytes: 0 };
  }

  #ask(method: 'GET' | 'POST', path: string, fields?: Readonly<Record<string, string>>): Promise<unknown> {
    const body = fields === undefined ? undefined : new URLSearchParams(fields).toString();
    return askDaemon(this.#stateDir, `/MAAS/api/2.0/${path}`, method, body);
  }
}
