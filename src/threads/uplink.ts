// The uplink thread of a rack whose region is remote: stores reports on disk and sends them over
// HTTP, so that the rack's loop uses neither the disk nor the network for them.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../ground/clock.ts';
import { keepCompiledCode } from '../ground/compiled-code.ts';
import { errorText, isStoreUnavailable, RackError } from '../ground/errors.ts';
import { RegionCopies } from '../images/carry/region-copies.ts';
import type { Report } from '../images/engine/reports.ts';
import { ImageThread } from '../region-host/imports/image-thread.ts';
import { openOutboxStore } from '../store/outbox/outbox-database.ts';
import { type CacheProblem, writeDesiredState } from '../uplink/desired-state-cache.ts';
import { DesiredStateKeeper } from '../uplink/desired-state-keeper.ts';
import { openHttpTransport } from '../uplink/http-transport.ts';
import type { RackMessage, RegionMessage } from '../uplink/messages.ts';
import { RegionLink } from '../uplink/region-link.ts';
import { listReportedImages } from '../uplink/reported-images.ts';
import { SeveralRegions } from '../uplink/several-regions.ts';
import type { UplinkThreadData } from '../uplink/thread-data.ts';

const port = parentPort;
if (port === null) throw new Error('the uplink thread is started by the daemon');
const data: UplinkThreadData = workerData;

/** The tree for copies of the region's images. Undefined if none are made. */
let copyTree: string | undefined;
let copies: RegionCopies | undefined;
/** The tree in which commands change images. */
let imageTree = '';
let images: ImageThread | undefined;
let isLinked = false;

function sendMessage(message: RegionMessage): void {
  port?.postMessage(message);
  if (message.kind !== 'link') return;
  isLinked = message.status.state === 'up';
  if (isLinked) void startCopying();
}

/** Starts copying images. The code is loaded when the rack is linked. */
async function startCopying(): Promise<void> {
  await getImageThread();
  copies ??= new RegionCopies({
    clock: systemClock,
    copy: (onProgress) => {
      const { urls, ca } = data;
      const onReport = (report: Report): void => void ('copied' in report && onProgress(report.copied));
      return copyTree === undefined ? undefined : images?.do('copy', copyTree, { urls, ca }, { onReport });
    },
    onProblem: (reason) =>
      sendMessage({ kind: 'problem', id: 'images-copy', note: { note: 'images-uncopied', reason } }),
  });
  copies.begin();
}

/** Starts the thread of images. The code is loaded when images are first changed. */
async function getImageThread(): Promise<ImageThread> {
  images ??= new ImageThread();
  return images;
}

async function openImages(id: number): Promise<void> {
  const thread = await getImageThread();
  const answer = await thread.open(data.stateDir, imageTree).catch((error: unknown) => ({ problem: errorText(error) }));
  sendMessage({ kind: 'images-open', id, answer });
}

/** How long shutdown waits for messages in flight, in milliseconds. */
const CLOSE_MS = 500;

function startUplink(): void {
  const outbox = openOutboxStore({ stateDir: data.stateDir });
  const { urls, key, ca, keyFile } = data;
  const common = { key, ca, clock: systemClock, userAgent: `Rackboot/${data.version}` };
  const onMoved = (url: string, formerUrl: string): void => {
    // Requests of machines are forwarded to the region to which the rack is linked.
    sendMessage({ kind: 'listening', addresses: [url] });
    link.reportMove(url, formerUrl);
  };
  const regions = urls.map((url) => openHttpTransport({ ...common, url }));
  const transport = new SeveralRegions({
    regions,
    clock: systemClock,
    onMoved,
    onChanged: () => link.reportAddresses(),
    onForeign: (note) => sendMessage({ kind: 'problem', id: 'region-url', note }),
  });
  const saveProblem = (problem: CacheProblem): void =>
    sendMessage({ kind: 'problem', id: 'desired-state', note: { note: 'state-unkept', ...problem } });
  const keeper = new DesiredStateKeeper(systemClock, (state) => writeDesiredState(data.stateDir, state, saveProblem));
  const link = new RegionLink({
    clock: systemClock,
    transport,
    outbox,
    key,
    keyFile,
    listImages: listReportedImages,
    listAddresses: () => transport.addresses,
    listCopies: () => copies?.progress ?? [],
    saveState: (state) => keeper.keep(state),
    send: sendMessage,
  });
  port?.on('message', (message: RackMessage) => {
    if (message.kind !== 'close') {
      if (message.kind === 'open-images') {
        void openImages(message.id);
        return;
      }
      if (message.kind === 'hello') {
        imageTree = message.imageTree ?? '';
        copyTree = message.copiesImages === true ? message.imageTree : undefined;
        if (isLinked) void startCopying();
      }
      link.receive(message);
      return;
    }
    systemClock.schedule(CLOSE_MS, () => process.exit(0));
    link.close();
    copies?.close();
    void images?.end();
    keeper.close();
    transport.close();
    outbox.close();
    port?.close();
  });
  keepCompiledCode();
}

try {
  startUplink();
} catch (error) {
  // A full disk may recover, so the daemon starts the thread again.
  if (isStoreUnavailable(error)) throw error;
  const note = { note: 'region-failed', reason: errorText(error) } as const;
  sendMessage({ kind: 'refused', note, code: error instanceof RackError ? error.code : undefined });
  process.exit(1);
}
