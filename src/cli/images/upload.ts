// `rackboot images upload NAME FILE`: uploads an image in pieces to the region of this host, or to
// a remote one (--url, --profile).
//
//   hash the file ─▶ create, which continues the same upload ─▶ pieces from its last byte ─▶ wait for the image
//                                                                a lost connection: ask where to continue
//
// 1. Repeating the command continues an interrupted upload of the same file.
// 2. Each piece names its position, so no piece is added twice.

import { join } from 'node:path';
import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { parseRegionUrl } from '../../config/region-url.ts';
import { formatRefusalLines } from '../../control/field-refusal.ts';
import { CONTROL_BODY_BYTES_MAX } from '../../control/requests.ts';
import { viewBytes } from '../../ground/borrowed-bytes.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { CONTROL_SOCKET } from '../../http/config.ts';
import { FILE_HEAD_BYTES, judgeHead } from '../../images/content/disk-image.ts';
import { unusable } from '../../images/content/image-copy.ts';
import { bytesOfFile } from '../../images/content/image-file.ts';
import { findFileKind } from '../../images/make/upload-kind.ts';
import { describeRoot, inspectRoot, isRoot, type RootFacts, RootFault } from '../../images/run/root-check.ts';
import { judgeTitle } from '../../images/store/image-store.ts';
import { readProfile } from '../clients/profiles.ts';
import {
  profileClient,
  type RegionAnswer,
  type RegionClient,
  type RegionRequest,
  socketClient,
} from '../clients/region-request.ts';
import { findUpload, PIECE_BYTES, sendPiece, setsShape } from '../clients/upload-piece.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { type HashedFile, openHashed } from '../terminal/hashed-file.ts';
import { formatBytes, print, printJson } from '../terminal/output.ts';
import { ImportProgress } from './import-progress.ts';
import type { UploadFlags } from './options.ts';
import { pauseUnlessStopped, StopSignals } from './stop-signals.ts';

// The region to which a command uploads: this host's region by its control socket, or another one
// by URL and API key.

interface UploadTarget {
  readonly name: string;
  /** The size of a piece in bytes. */
  readonly pieceBytes: number;
  readonly ask: RegionClient;
}

function localTarget(stateDir: string): UploadTarget {
  const socketPath = join(stateDir, CONTROL_SOCKET);
  return { name: 'the region of this host', pieceBytes: CONTROL_BODY_BYTES_MAX, ask: socketClient(socketPath) };
}

/**
 * @param key an API key, as `rackboot apikey` prints it
 * @param caFile PEM certificates to trust; undefined for the system's
 */
function webTarget(url: string, key: string, caFile: string | undefined): UploadTarget {
  const parsed = parseRegionUrl(url.replace(/\/api\/\d\.\d\/?$/, ''));
  if (parsed === undefined)
    throw new RackError(
      'bad-argument',
      `--url ${JSON.stringify(url)} is not the URL of a region, such as http://10.20.0.1:5240/MAAS`,
    );
  const { text } = parsed;
  return { name: text, pieceBytes: PIECE_BYTES, ask: profileClient({ url: text, key, ca_file: caFile }) };
}

const RESOURCES = '/MAAS/api/2.0/boot-resources/';
/** The most repeated attempts without a new byte. */
const ATTEMPTS_MAX = 6;
/** The pause before another attempt, multiplied by the number of consecutive failures. */
const PAUSE_MS = 2000;
/** How often the command checks whether the image is ready. */
const POLL_MS = 2000;
const REASON_MAX = 1000;
/** Endings of root archives; every other file counts as a disk image. */
const TYPES: readonly (readonly [end: RegExp, type: string])[] = [
  [/\.(?:tgz|tar\.gz)$/i, 'tgz'],
  [/\.(?:txz|tar\.xz)$/i, 'txz'],
  [/\.(?:tbz|tar\.bz2)$/i, 'tbz'],
  [/\.(?:squashfs|sqfs)$/i, 'squashfs'],
];

const resourceShape = z.looseObject({
  id: z.number(),
  name: z.string(),
  architecture: z.string(),
  complete: z.boolean().optional(),
  import: z.looseObject({ state: z.string(), reason: z.string().nullable() }).nullish(),
  sets: setsShape.optional(),
});
type Resource = z.output<typeof resourceShape>;

interface UploadState {
  readonly id: number;
  readonly uri: string;
  readonly received: number;
  /** The complete versions before the upload. */
  readonly versions: readonly string[];
}

/** Uploads a file, waits for the image and prints it. @returns 0 */
export async function uploadImage(flags: UploadFlags): Promise<number> {
  const stop = new StopSignals();
  const progress = new ImportProgress(process.stderr.isTTY, flags.json);
  const closing: (() => Promise<void>)[] = [];
  try {
    const titleProblem = judgeTitle(flags.title);
    if (titleProblem !== undefined) throw new RackError('bad-argument', titleProblem);
    const target = findTarget(flags);
    const file = await openHashed(flags.file, stop.signal);
    closing.push(() => file.handle.close());
    const upload = new Upload(target, flags, file, progress, stop.signal);
    const { resource, from } = await upload.run();
    if (flags.json) printJson({ id: resource.id, name: flags.name, bytes: file.bytes, sha256: file.sha256, from });
    else {
      print(`Uploaded ${resource.name} (${resource.architecture}) to ${target.name}: ${formatBytes(file.bytes)}`);
      const root = await inspectUpload(file, flags);
      if (root !== undefined) print(`Judging by its content, ${describeRoot(root, false)}.`);
    }
    return 0;
  } finally {
    progress.close();
    stop.close();
    for (const close of closing) await close();
  }
}

function findTarget({ url, keyFile, caFile, profile, config }: UploadFlags): UploadTarget {
  if (profile !== undefined) {
    const { url: address, key, ca_file: ca } = readProfile(profile);
    return webTarget(address, key, ca);
  }
  if (url === undefined) return localTarget(loadStateDir(config).stateDir);
  if (keyFile === undefined) {
    const remedy =
      '`rackboot apikey` on the host of the region prints a key; or log in with `rackboot login` and name the --profile';
    throw new RackError('bad-argument', `--url needs --key-file: ${remedy}`);
  }
  return webTarget(url, readGivenFile(keyFile).toString('utf8').trim(), caFile);
}

class Upload {
  readonly #target: UploadTarget;
  readonly #flags: UploadFlags;
  readonly #file: HashedFile;
  readonly #progress: ImportProgress;
  readonly #signal: AbortSignal;
  #interruptionNote = 'repeat the command to continue';

  constructor(
    target: UploadTarget,
    flags: UploadFlags,
    file: HashedFile,
    progress: ImportProgress,
    signal: AbortSignal,
  ) {
    this.#target = target;
    this.#flags = flags;
    this.#file = file;
    this.#progress = progress;
    this.#signal = signal;
  }

  /** @returns the image, and how many bytes the region already had */
  async run(): Promise<{ readonly resource: Resource; readonly from: number }> {
    const uploadState = await this.#create();
    const { received: from } = uploadState;
    if (from > 0 && !this.#flags.json) print(`Continuing after ${formatBytes(from)}`);
    await this.#send(uploadState);
    this.#progress.restart();
    return { resource: await this.#waitFor(uploadState.id), from };
  }

  async #create(): Promise<UploadState> {
    const { name, title, file, arch } = this.#flags;
    const { bytes, sha256 } = this.#file;
    const filetype = chooseFileType(this.#flags);
    await checkHead(this.#file, file, filetype);
    const architecture = arch.includes('/') ? arch : `${arch}/generic`;
    const fields = { name, architecture, filetype, sha256, size: String(bytes) };
    const form = new URLSearchParams({ ...fields, ...(title === undefined ? {} : { title }) });
    const answer = await this.#call({
      method: 'POST',
      path: RESOURCES,
      body: { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(form.toString()) },
    });
    const uploadState = findUploadState(resourceShape.parse(this.#parseAnswer(answer)), this.#file);
    if (uploadState !== undefined) return uploadState;
    throw new RackError(
      'not-running',
      `${this.#target.name} did not accept ${name} in pieces: its answer has no upload_uri`,
    );
  }

  async #send({ id, uri, received, versions }: UploadState): Promise<void> {
    const { bytes } = this.#file;
    const startedAt = systemClock.now();
    let offset = received;
    for (let failures = 0; offset < bytes; ) {
      this.#checkStop();
      const previousOffset = offset;
      try {
        offset = await this.#sendPiece(uri, offset);
      } catch (error) {
        if (
          error instanceof RackError &&
          error.code === 'not-found' &&
          (await this.#isCompletedElsewhere(id, versions))
        )
          return;
        if (!(error instanceof RackError && error.code === 'not-running') || failures >= ATTEMPTS_MAX) throw error;
        failures += 1;
        await pauseUnlessStopped(PAUSE_MS * failures, this.#signal);
        // Perhaps only the answer was lost.
        offset = (await this.#fetchReceived(id)) ?? offset;
      }
      if (offset > previousOffset) failures = 0;
      const seconds = (systemClock.now() - startedAt) / 1000;
      this.#progress.step(offset, bytes, seconds > 0 ? Math.round((offset - received) / seconds) : 0);
    }
  }

  /** True if another command has sent the remaining bytes of the same file. */
  async #isCompletedElsewhere(id: number, previousVersions: readonly string[]): Promise<boolean> {
    const resource = await this.#fetchResource(id).catch(() => undefined);
    if (resource === undefined) return false;
    const uploadState = findUploadState(resource, this.#file);
    if (uploadState !== undefined) return uploadState.received >= this.#file.bytes;
    if (resource.complete === false) return false;
    return completeVersions(resource).some((version) => !previousVersions.includes(version));
  }

  /** Fetches how many bytes the region has; undefined if it does not say. */
  async #fetchReceived(id: number): Promise<number | undefined> {
    const resource = await this.#fetchResource(id).catch(() => undefined);
    if (resource?.import?.state === 'failed') throw toFailedError(resource);
    return resource === undefined ? undefined : findUploadState(resource, this.#file)?.received;
  }

  async #sendPiece(uri: string, offset: number): Promise<number> {
    const { pieceBytes } = this.#target;
    const ask = (request: RegionRequest): Promise<RegionAnswer> => this.#call(request);
    const { answer, next } = await sendPiece(
      ask,
      { file: this.#file, name: this.#flags.file, uri },
      offset,
      pieceBytes,
    );
    this.#parseAnswer(answer);
    return next;
  }

  async #waitFor(id: number): Promise<Resource> {
    this.#interruptionNote = 'the region still completes the image';
    let printedReason = '';
    for (let wasAnnounced = this.#flags.json; ; ) {
      const resource = await this.#fetchResource(id);
      const { import: state } = resource;
      if (state?.state === 'failed') throw toFailedError(resource);
      if (isComplete(resource)) return resource;
      if (!wasAnnounced) print('The region is converting and checking it, which takes minutes for a large image.');
      wasAnnounced = true;
      const reason = state?.reason ?? '';
      if (reason !== '' && reason !== printedReason && !this.#flags.json) print(`Not yet: ${reason}`);
      printedReason = reason;
      this.#checkStop();
      await pauseUnlessStopped(POLL_MS, this.#signal);
    }
  }

  async #fetchResource(id: number): Promise<Resource> {
    return resourceShape.parse(this.#parseAnswer(await this.#call({ method: 'GET', path: `${RESOURCES}${id}/` })));
  }

  async #call(request: RegionRequest): Promise<RegionAnswer> {
    this.#checkStop();
    try {
      return await this.#target.ask({ ...request, signal: this.#signal });
    } catch (error) {
      this.#checkStop();
      throw error;
    }
  }

  #checkStop(): void {
    if (this.#signal.aborted) throw new RackError('cancelled', `interrupted; ${this.#interruptionNote}`);
  }

  #parseAnswer({ status, body }: RegionAnswer): unknown {
    const text = body.toString('utf8');
    if (status >= 200 && status < 300) return /^\s*[[{]/.test(text) ? JSON.parse(text) : text;
    const reason = formatRefusalLines(text.trim()).slice(0, REASON_MAX);
    if (status === 401 || status === 403) throw new RackError('permission-denied', `${this.#target.name}: ${reason}`);
    if (status === 404) throw new RackError('not-found', `${this.#target.name}: ${reason}`);
    const mayRepeat = status === 409 || status === 429 || status >= 500;
    throw new RackError(mayRepeat ? 'not-running' : 'bad-argument', `${this.#target.name}: ${reason}`);
  }
}

const chooseFileType = ({ type, file }: UploadFlags): string =>
  type ?? TYPES.find(([end]) => end.test(file))?.[1] ?? 'ddraw';

/**
 * Inspects the root of a system; undefined if the file is the image of a disk, or this host cannot
 * read it.
 */
async function inspectUpload({ handle }: HashedFile, flags: UploadFlags): Promise<RootFacts | undefined> {
  const kind = findFileKind(chooseFileType(flags));
  if (kind?.kind !== 'root') return undefined;
  try {
    return await inspectRoot(await bytesOfFile(handle, flags.file), kind.format);
  } catch (error) {
    // The region has judged the file; this host may lack a program that expands it.
    if (error instanceof RootFault || error instanceof RackError) return undefined;
    throw error;
  }
}

async function checkHead({ handle }: HashedFile, path: string, fileType: string): Promise<void> {
  const kind = findFileKind(fileType);
  if (kind === undefined) return;
  const buffer = Buffer.alloc(FILE_HEAD_BYTES);
  const { bytesRead } = await handle.read(buffer, 0, FILE_HEAD_BYTES, 0);
  const head = viewBytes(buffer, 0, bytesRead);
  if (kind.kind === 'disk') {
    const why = judgeHead(head);
    if (why !== undefined) throw unusable(path, why);
  } else if (!isRoot(kind.format, head))
    throw unusable(
      path,
      `it is not a ${fileType} file: give its real type with --type, such as ddraw for the image of a disk`,
    );
}

const isComplete = ({ import: state, complete }: Resource): boolean =>
  complete !== false && (state === null || state === undefined);

const toFailedError = ({ import: state }: Resource): RackError =>
  new RackError('bad-argument', state?.reason ?? 'the region refused the image');

/** Finds the state of an upload; undefined if there is none, or it has failed. */
function findUploadState(resource: Resource, file: HashedFile): UploadState | undefined {
  const { id, sets = {}, import: state } = resource;
  const begunUpload = state?.state === 'failed' ? undefined : findUpload(sets, file);
  return begunUpload && { ...begunUpload, id, versions: completeVersions(resource) };
}

const completeVersions = ({ sets = {} }: Resource): readonly string[] =>
  Object.entries(sets).flatMap(([version, { files }]) =>
    Object.values(files).every(({ complete }) => complete) ? [version] : [],
  );
