// A rack's HTTP for one machine at work: the agent's scripts, the tools of its environment, one job, and the machine's reports.

import { createReadStream, existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { BodyServer } from './body-server.ts';

export type ReportedSignal = Readonly<Record<string, string>>;

const AGENT = join(dirname(dirname(import.meta.dirname)), 'src/images/agent');

/** Serves scripts, tools, files and one job, and keeps the reports. */
export class JobRack extends BodyServer {
  job = '';
  readonly signals: ReportedSignal[] = [];
  /** The files for every client, by path: bytes, or the file that has them. */
  readonly open = new Map<string, Buffer | { readonly file: string }>();
  /** The answers that only the machine of this boot gets. */
  readonly secret = new Map<string, string>();
  /** Of the boot. */
  readonly token = 'token-of-this-boot_01234';
  readonly #tree: string;

  /** @param tree the boot tree */
  constructor(tree: string) {
    super();
    this.#tree = tree;
  }

  /** Sets the job of the machine. */
  give(job: Readonly<Record<string, string | number>>): void {
    this.signals.length = 0;
    this.job = Object.entries(job)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }

  protected override answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const path = request.url ?? '';
    const isKnown = request.headers['x-rackboot-token'] === this.token;
    const script = /^\/MAAS\/rackboot\/([a-z]+\.sh)$/.exec(path)?.[1];
    const archive = /^\/([a-z0-9/]+\/[a-z]+\.cpio\.gz)$/.exec(path)?.[1];
    const open = this.open.get(path);
    const secret = this.secret.get(path);
    if (script !== undefined && existsSync(join(AGENT, script))) response.end(readFileSync(join(AGENT, script)));
    else if (archive !== undefined) createReadStream(join(this.#tree, archive)).pipe(response);
    else if (Buffer.isBuffer(open)) response.end(open);
    else if (open !== undefined) createReadStream(open.file).pipe(response);
    else if (!isKnown) response.writeHead(403).end();
    else if (path === '/MAAS/rackboot/1/job') response.end(this.job);
    else if (secret !== undefined) response.end(secret);
    else if (path === '/MAAS/rackboot/1/signal') {
      this.signals.push(Object.fromEntries(new URLSearchParams(body.toString('latin1'))));
      response.end('OK');
    } else response.writeHead(404).end();
  }
}
