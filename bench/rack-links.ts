// `rack-links.ts COUNT KEY URL…`: the links of COUNT racks to a region of several processes, all in this process, each the one that a rack
// runs: its HTTP transport, its outbox on disk, its heartbeats. A rack applies each state at once.
//
// 1. Each rack begins at another of the addresses, so that the processes have equal shares.
// 2. The parent hears the version that all racks have acknowledged, each time that it grows, and when.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newUuid, systemClock } from '../src/ground/clock.ts';
import { openOutboxStore } from '../src/store/outbox/outbox-database.ts';
import { openHttpTransport } from '../src/uplink/http-transport.ts';
import type { LinkAnswer, LinkTransport } from '../src/uplink/link-transport.ts';
import { UPLINK_VERSION } from '../src/uplink/messages.ts';
import { RegionLink } from '../src/uplink/region-link.ts';
import { SeveralRegions } from '../src/uplink/several-regions.ts';

/** The message that the parent gets. */
export interface Acknowledged {
  /** Every rack has applied it, and the region knows that. */
  readonly version: number;
  /** Wall time in milliseconds. */
  readonly atMs: number;
}

const [count = '', apiKey = '', ...urls] = process.argv.slice(2);
const [consumer = '', token = '', secret = ''] = apiKey.split(':');
const key = { consumer, token, secret, isDrawn: false };
const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-racks-'));
const acknowledged = Array.from({ length: Number(count) }, () => -1);
let known = -1;

function acknowledge(rack: number, version: number): void {
  acknowledged[rack] = version;
  const everywhere = acknowledged.reduce((least, each) => Math.min(least, each), Number.MAX_SAFE_INTEGER);
  if (everywhere <= known) return;
  known = everywhere;
  process.send?.({ version: known, atMs: systemClock.wallTimeMs() } satisfies Acknowledged);
}

/** The same in every run, for a region accepts no more racks than these. */
const uuidOf = (rack: number): string => `00000000-0000-4000-8000-${String(rack).padStart(12, '0')}`;

/** The transport, which notes what the answered heartbeats have acknowledged. */
function watched(transport: LinkTransport, rack: number): LinkTransport {
  return {
    get url() {
      return transport.url;
    },
    async ask(request): Promise<LinkAnswer> {
      const answer = await transport.ask(request);
      if (request.path.endsWith('/heartbeat') && answer.status === 200) {
        const { applied } = JSON.parse(request.body?.text ?? '{}');
        if (typeof applied === 'number') acknowledge(rack, applied);
      }
      return answer;
    },
    follow: (path, listener) => transport.follow(path, listener),
    close: () => transport.close(),
  };
}

const links = acknowledged.map((_, rack) => {
  const turned = urls.map((_url, index) => urls[(rack + index) % urls.length] ?? '');
  const regions = turned.map((url) => openHttpTransport({ url, key, clock: systemClock, userAgent: 'Rackboot/bench' }));
  const outbox = openOutboxStore({ stateDir: mkdtempSync(join(directory, 'rack-')) });
  const silent = { onMoved: () => undefined, onForeign: () => undefined, onChanged: () => undefined };
  const transport = watched(new SeveralRegions({ regions, clock: systemClock, ...silent }), rack);
  const link: RegionLink = new RegionLink({
    clock: systemClock,
    transport,
    outbox,
    key,
    keyFile: '',
    listImages: () => [],
    saveState: () => undefined,
    send: (message) => {
      if (message.kind === 'desired-state') link.receive({ kind: 'applied', version: message.state.version });
    },
  });
  const description = { uuid: uuidOf(rack), name: `rack-${rack}`, version: '0', interfaces: [], pinned: [] };
  link.receive({ kind: 'hello', uplink: UPLINK_VERSION, life: newUuid(), rack: description });
  return { link, outbox, transport };
});

process.on('disconnect', () => {
  for (const { link, outbox, transport } of links) {
    link.close();
    transport.close();
    outbox.close();
  }
  rmSync(directory, { recursive: true, force: true });
  process.exit(0);
});
