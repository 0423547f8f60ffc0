// Handles one request of the boot listener. Sources: boot/asset.ts, RFC 9110 §9.3, §15.
//
//   parse target ─▶ /MAAS/ ─▶ region-requests.ts
//       │   └─▶ not GET or HEAD: 405
//       └─▶ resolve ─▶ refused: 403 or 404
//                 └─▶ open ─▶ a file: its bytes │ rendered: the text │ else 404
//
// 1. `handle` never throws and always answers or ends the connection.
// 2. A file in the tree with the requested name takes precedence over rendered text and over "missing".

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BootAsset, type ResolveAsset, toldBy } from '../boot/asset.ts';
import { type AssetFile, openAssetFile } from '../boot/asset-file.ts';
import type { FileTree, OpenedFile } from '../files/opened-file.ts';
import { type Ipv4, type MacAddress, parseIpv4 } from '../ground/address.ts';
import type { Instant } from '../ground/clock.ts';
import type { Counters } from '../ground/counters.ts';
import { errorText } from '../ground/errors.ts';
import type { Publish } from '../ground/event.ts';
import { EventSampler } from '../ground/rate-limit.ts';
import { countHosts } from '../net/region-http.ts';
import { answerFile, answerText, type Fields } from './answer.ts';
import { cleanFile, type HttpCounter, type HttpEvent, type HttpEventKind, type HttpRefusal } from './events.ts';
import { FileSends } from './file-sends.ts';
import { RegionRequests, type RegionRequestsDeps } from './region-requests.ts';
import { isRegionPath, parseTarget } from './request-target.ts';
import { sendFile, sendText } from './send.ts';

export interface BootRequestsDeps extends RegionRequestsDeps {
  readonly resolve: ResolveAsset;
  readonly files: FileTree;
  readonly publish: Publish;
  readonly counters: Counters<HttpCounter>;
}

/** One request, with its facts so far. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Ipv4;
  readonly local: Ipv4;
  readonly startedAt: Instant;
  /** The requested path, decoded if possible. */
  path: string;
  mac: MacAddress | undefined;
}

/** The fields of an event that the exchange does not supply. */
type EventDetails = Omit<HttpEvent, 'kind' | 'at' | 'address' | 'mac' | 'file'>;

/** Kinds that any host can trigger at will. */
const SAMPLED: ReadonlySet<HttpEventKind> = new Set([
  'http.probed',
  'http.refused',
  'http.tls-failed',
  'http.aborted',
  'http.timed-out',
  'http.stalled',
  'http.failed',
  'http.region-unreachable',
]);

/** Kinds that a rack full of machines triggers at once, each of which belongs on a machine's timeline. */
const BOOTING: ReadonlySet<HttpEventKind> = new Set(['http.missing', 'http.posted', 'http.forwarded']);

const isReading = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD';

/**
 * The operation named in a request to the region. The rest of the query is not published, for it
 * may hold a secret.
 */
const parseOperation = (origin: string): string | undefined => /[?&]op=([a-z_]{1,40})(?:&|$)/.exec(origin)?.[1];

/** Answers the requests of all boot listeners. */
export class BootRequests {
  readonly #deps: BootRequestsDeps;
  readonly #sampler = new EventSampler();
  readonly #bootSampler = new EventSampler({ perSecond: 200, burst: 2000 });
  readonly #sends: FileSends<Exchange>;
  readonly #toRegion: RegionRequests;

  constructor(deps: BootRequestsDeps) {
    this.#deps = deps;
    this.#sends = new FileSends(deps.clock, (exchange, stall) => this.#publishAbout(exchange, 'http.stalled', stall));
    this.#toRegion = new RegionRequests(deps);
  }

  /** The number of files being sent. */
  get sending(): number {
    return this.#sends.size;
  }

  /** As `FileSends.visitLoading`. */
  visitLoading(visit: (address: Ipv4, heardAt: Instant) => void): number {
    return this.#sends.visitLoading(visit);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const peer = parseIpv4(request.socket.remoteAddress ?? '');
    const local = parseIpv4(request.socket.localAddress ?? '');
    if (peer === undefined || local === undefined) {
      // The peer is already gone.
      response.destroy();
      return;
    }
    this.#deps.counters.add('requests');
    const startedAt = this.#deps.clock.now();
    const exchange = { request, response, peer, local, startedAt, path: request.url ?? '', mac: undefined };
    this.#answer(exchange).catch((error: unknown) => this.#fail(exchange, error));
  }

  /** Publishes a refused connection. */
  refuseConnection(peer: Ipv4 | undefined, reason: HttpRefusal): void {
    this.#deps.counters.add('connections-refused');
    this.#publish({ kind: 'http.refused', at: this.#deps.clock.now(), address: peer, reason });
  }

  /**
   * Publishes a TLS handshake that failed. @param local the listener's address @param reason the
   * code of the error
   */
  failHandshake(peer: Ipv4 | undefined, local: Ipv4, reason: string): void {
    this.#deps.counters.add('tls-failed');
    const mac = peer && this.#deps.resolve({ path: '/', peer, local }).mac;
    this.#publish({ kind: 'http.tls-failed', at: this.#deps.clock.now(), address: peer, mac, reason });
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    if (countHosts(request.rawHeaders) > 1)
      return this.#refuse(exchange, 400, 'several-hosts', { Connection: 'close' });
    const target = parseTarget(exchange.path);
    if (!target.ok) return this.#refuse(exchange, target.fault === 'target-too-long' ? 414 : 400, target.fault);
    exchange.path = target.path;
    if (isRegionPath(target.origin)) return this.#forward(exchange, target.origin);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return this.#refuse(exchange, 405, 'method', { Allow: 'GET, HEAD', Connection: 'close' });
    }
    const { peer, local } = exchange;
    const asset = this.#deps.resolve({ path: target.path, peer, local });
    exchange.mac = asset.mac;
    if (asset.kind === 'refused') {
      return this.#refuse(exchange, asset.reason === 'path-not-allowed' ? 403 : 404, asset.reason);
    }
    this.#sends.begin(exchange);
    try {
      await this.#answerFrom(exchange, asset);
    } finally {
      this.#sends.end(exchange);
    }
  }

  async #answerFrom(exchange: Exchange, asset: Exclude<BootAsset, { readonly kind: 'refused' }>): Promise<void> {
    const opened = await openAssetFile(asset, this.#deps.files);
    if (opened.kind === 'missing') return this.#answerWithoutFile(exchange, asset, opened);
    try {
      await this.#sendFile(exchange, opened.path, opened.file);
    } finally {
      opened.file.close();
    }
  }

  #answerWithoutFile(
    exchange: Exchange,
    asset: Exclude<BootAsset, { readonly kind: 'refused' }>,
    { reason, found }: Extract<AssetFile, { readonly kind: 'missing' }>,
  ): void {
    const { request, response } = exchange;
    if (asset.kind !== 'rendered') {
      sendText(response, request.method, answerText(404, `not found: ${reason}\n`));
      this.#deps.counters.add('missing');
      this.#publishAbout(exchange, 'http.missing', { status: 404, reason, found });
      return;
    }
    sendText(response, request.method, answerText(200, asset.text));
    if (request.method === 'HEAD') {
      this.#deps.counters.add('probed');
      this.#publishAbout(exchange, 'http.probed', { status: 200 });
      return;
    }
    this.#deps.counters.add('rendered');
    const bytes = Buffer.byteLength(asset.text);
    this.#deps.counters.add('bytes', bytes);
    const told = asset.isForAnother ? undefined : toldBy(asset);
    this.#publishAbout(exchange, 'http.rendered', { status: 200, bytes, ...told });
  }

  async #sendFile(exchange: Exchange, path: string, file: OpenedFile): Promise<void> {
    const { request, response, startedAt } = exchange;
    const answer = answerFile(request.headers, path, file);
    const outcome = await sendFile(response, request.method, answer, file);
    const { counters, clock } = this.#deps;
    counters.add('bytes', outcome.bytes);
    const details = { status: answer.status, bytes: outcome.bytes, milliseconds: Math.round(clock.now() - startedAt) };
    if (outcome.kind === 'aborted') {
      const kind = this.#sends.endedByRack(response) ? 'timed-out' : 'aborted';
      counters.add(kind);
      this.#publishAbout(exchange, `http.${kind}`, details);
    } else if (request.method === 'HEAD' || answer.status >= 300) {
      counters.add('probed');
      this.#publishAbout(exchange, 'http.probed', { status: answer.status });
    } else {
      counters.add('sent');
      this.#publishAbout(exchange, 'http.file-sent', details);
    }
  }

  async #forward(exchange: Exchange, origin: string): Promise<void> {
    const { request } = exchange;
    const { counters } = this.#deps;
    counters.add('proxied');
    const outcome = await this.#toRegion.answer({ ...exchange, origin });
    switch (outcome.kind) {
      case 'untaken':
        // Answered in the region's place.
        return;
      case 'answered':
        counters.add('proxied-bytes', outcome.bytes);
        this.#publishAbout(exchange, isReading(request.method) ? 'http.forwarded' : 'http.posted', {
          status: outcome.status,
          reason: outcome.refusal,
          said: outcome.said,
          operation: parseOperation(origin),
          bytes: outcome.bytes,
          milliseconds: Math.round(this.#deps.clock.now() - exchange.startedAt),
        });
        return;
      case 'unreachable':
        counters.add('region-unreachable');
        this.#publishAbout(exchange, 'http.region-unreachable', {
          reason: outcome.reason,
          region: outcome.region,
          said: outcome.said,
        });
        return;
      case 'refused':
        counters.add('refused');
        this.#publishAbout(exchange, 'http.refused', { reason: outcome.reason });
        return;
      case 'aborted':
        counters.add('aborted');
    }
  }

  #refuse(exchange: Exchange, status: number, reason: HttpRefusal, fields: Fields = {}): void {
    const { request, response } = exchange;
    sendText(response, request.method, answerText(status, `${reason}\n`, fields));
    this.#deps.counters.add('refused');
    this.#publishAbout(exchange, 'http.refused', { status, reason });
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { request, response } = exchange;
    this.#deps.counters.add('failed');
    this.#publishAbout(exchange, 'http.failed', { reason: errorText(error) });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // Too many open files, or a failing disk: a retry may work, so loaders that can are asked to retry.
    sendText(response, request.method, answerText(503, 'the file cannot be read\n', { 'Retry-After': 2 }));
  }

  #publishAbout(exchange: Exchange, kind: HttpEventKind, details: EventDetails): void {
    const { mac, peer, path } = exchange;
    this.#publish({ ...details, kind, at: this.#deps.clock.now(), address: peer, mac, file: cleanFile(path) });
  }

  #publish(event: HttpEvent): void {
    const isSampled = SAMPLED.has(event.kind) || (event.kind === 'http.rendered' && event.purpose === undefined);
    const sampler = isSampled ? this.#sampler : BOOTING.has(event.kind) ? this.#bootSampler : undefined;
    const sample = sampler === undefined ? {} : sampler.take(event.kind, event.at);
    if (sample !== undefined) this.#deps.publish({ ...event, ...sample });
  }
}
