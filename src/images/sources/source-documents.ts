// Fetches and verifies the documents of a source: lists, indexes, their signatures and the keys.
//
// 1. Every returned document is authenticated: by a signature of one of the source's keys, or by
//    HTTPS if the source is `unsigned`.
// 2. A document of at most KEPT_BYTES_MAX is fetched once per run and stays in memory.
// 3. A document older than one seen at its URL (seen-documents.ts) is refused. A list of checksums
//    is as old as its signature.
// 4. All documents of a source together have at most TOTAL_BYTES_MAX.
// 5. A thread verifies one document at a time: a large one takes ten times its size in memory.

import { createHash } from 'node:crypto';
import { readRegularBytes, UnfitFile } from '../../files/regular-file.ts';
import type { Clock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { installLine } from '../content/needed-programs.ts';
import { DownloadError, describeLastFault } from '../download/fault.ts';
import type { Downloads } from '../download/queue.ts';
import { OneAtATime } from '../store/one-at-a-time.ts';
import type { Checksum } from './checksum-list.ts';
import { type DocumentDecoded, describeDocumentFault } from './document-fault.ts';
import { Keyring } from './keyring.ts';
import { noteSeen, type SeenPlace } from './seen-documents.ts';
import { describeSignatureFault } from './signature-fault.ts';
import type { ImageSource } from './source.ts';
import { SIGNATURE_BYTES_MAX, verifyClearSigned, verifyDetached } from './verification.ts';

/** In bytes; the decoders of simplestreams have the same bound. */
const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;
/** The sum for a source; the largest known document has 12 MB. */
const TOTAL_BYTES_MAX = 256 * 1024 * 1024;
/** Larger documents are fetched again for each reader: an index may name a thousand. */
const KEPT_BYTES_MAX = 1024 * 1024;
const KEYRING_BYTES_MAX = 4 * 1024 * 1024;

/** The place that a source's keys come from, for one of its releases. */
export interface KeySource {
  readonly keyUrl: string | undefined;
  /** Undefined: every key of the file. */
  readonly fingerprints: readonly string[] | undefined;
}

/** The name is a file, a URL, or the settings. */
interface NamedKeys {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface NamedKeyring {
  readonly name: string;
  readonly keyring: Keyring;
}

/** Authenticated bytes, or text without its clear signature. */
export type TrustedDocument = Uint8Array | string;

interface DocumentPlace {
  readonly url: string;
  /** Detached; undefined: the document is clear-signed, or the source unsigned. */
  readonly signatureUrl?: string | undefined;
  /** Undefined: the keys of the source. */
  readonly keys?: KeySource | undefined;
  readonly bytesMax?: number | undefined;
}

export interface SourceDocument {
  readonly content: TrustedDocument;
  /** When it was signed, in ms since 1970; undefined: HTTPS covers it. */
  readonly signedMs: number | undefined;
  /** As the server sent them: a second download may bring others. */
  readonly bytes: Uint8Array;
  /** Detached; undefined: none. */
  readonly signature: Uint8Array | undefined;
}

const verifications = new OneAtATime();

export class SourceDocuments {
  readonly #source: ImageSource;
  readonly #downloads: Downloads;
  readonly #clock: Pick<Clock, 'wallTimeMs'>;
  readonly #signal: AbortSignal | undefined;
  readonly #seen: SeenPlace | undefined;
  readonly #fetched = new Map<string, Promise<Uint8Array>>();
  #bytes = 0;
  /** Undefined: none found or looked for yet. */
  #ownKeys: NamedKeys | undefined;
  readonly #keyrings = new Map<string, Promise<NamedKeyring>>();

  /** @param seen undefined: older documents are accepted */
  constructor(
    source: ImageSource,
    downloads: Downloads,
    clock: Pick<Clock, 'wallTimeMs'>,
    signal: AbortSignal | undefined,
    seen?: SeenPlace,
  ) {
    this.#source = source;
    this.#downloads = downloads;
    this.#clock = clock;
    this.#signal = signal;
    this.#seen = seen;
  }

  async read({ url, bytesMax = DOCUMENT_BYTES_MAX, ...signed }: DocumentPlace): Promise<SourceDocument> {
    return this.#verify(await this.#fetch(url, bytesMax), url, signed);
  }

  /** Like `read`; undefined if the server has no such document. */
  async find(place: DocumentPlace): Promise<SourceDocument | undefined> {
    const bytes = await this.#fetch(place.url, DOCUMENT_BYTES_MAX).catch((error: unknown) => {
      if (error instanceof RackError && isAbsence(error.cause)) return undefined;
      throw error;
    });
    return bytes === undefined ? undefined : this.#verify(bytes, place.url, place);
  }

  /** @throws RackError `source-failed` if this host has seen a newer document there. */
  async refuseOlder(url: string, updatedMs: number | undefined): Promise<void> {
    const older = this.#seen === undefined ? undefined : await noteSeen(this.#seen, url, updatedMs);
    if (older !== undefined) throw this.failure(`${url}: ${older}`);
  }

  async readListed(url: string, { algorithm, hex, bytes }: Checksum): Promise<Uint8Array> {
    const content = await this.#fetch(url, DOCUMENT_BYTES_MAX);
    const digest = createHash(algorithm).update(content).digest('hex');
    if (digest === hex && (bytes === undefined || bytes === content.length)) return content;
    const why = `${counted(content.length, 'byte')} with ${algorithm} ${digest}, not ${hex}`;
    throw this.failure(
      `${url} is not the file that its signed list names: ${why}; the mirror may be in the middle of an update; try again later`,
    );
  }

  unwrap<T>(url: string, decoded: DocumentDecoded<T>): T {
    if (decoded.ok) return decoded.value;
    throw this.failure(`${url}: ${describeDocumentFault(decoded.fault)}`);
  }

  failure(why: string, cause?: unknown): RackError {
    return new RackError('source-failed', `the source ${this.#source.name} cannot be used: ${why}`, { cause });
  }

  async #verify(
    bytes: Uint8Array,
    url: string,
    { signatureUrl, keys = this.#place() }: Omit<DocumentPlace, 'url'>,
  ): Promise<SourceDocument> {
    if (this.#source.trust.kind === 'unsigned')
      return { content: bytes, bytes, signature: undefined, signedMs: undefined };
    const { name, keyring } = await this.#keyring(keys);
    const signature = signatureUrl === undefined ? undefined : await this.#fetchSignature(url, signatureUrl);
    const verified = await verifications.do(async () => {
      if (this.#signal?.aborted === true) throw cancelled();
      const request = { file: signatureUrl ?? url, keyring, nowMs: this.#clock.wallTimeMs() };
      return signature === undefined
        ? await verifyClearSigned(bytes, request)
        : await verifyDetached(bytes, signature, request);
    });
    if (!verified.ok) {
      const note = keys.fingerprints === undefined ? '' : ', of which only those with its fingerprints count';
      throw this.failure(`${describeSignatureFault(verified.fault)}; its keys are in ${name}${note}`);
    }
    const { madeMs, text = bytes } = verified.value;
    return { content: text, bytes, signature, signedMs: madeMs };
  }

  #place(): KeySource {
    const { trust } = this.#source;
    return trust.kind === 'signed' ? trust : { keyUrl: undefined, fingerprints: undefined };
  }

  async #fetchSignature(file: string, url: string): Promise<Uint8Array> {
    try {
      return await this.#fetch(url, SIGNATURE_BYTES_MAX);
    } catch (error) {
      if (!(error instanceof RackError && isAbsence(error.cause))) throw error;
      const fault = { code: 'no-signature', file, keyId: undefined, detail: `there is no ${url}` } as const;
      throw this.failure(describeSignatureFault(fault), error.cause);
    }
  }

  #keyring(place: KeySource): Promise<NamedKeyring> {
    const key = JSON.stringify([place.keyUrl, place.fingerprints]);
    const cached = this.#keyrings.get(key);
    if (cached !== undefined) return cached;
    const reading = this.#keys(place).then(({ name, bytes }) => ({
      name,
      keyring: new Keyring(bytes, place.fingerprints),
    }));
    this.#keyrings.set(key, reading);
    return reading;
  }

  async #keys({ keyUrl }: KeySource): Promise<NamedKeys> {
    const { trust } = this.#source;
    const [files, stored] = trust.kind === 'signed' ? [trust.keyrings, trust.keys] : [[], undefined];
    if (stored !== undefined) this.#ownKeys ??= { name: 'the settings of the source', bytes: stored };
    for (const name of files) this.#ownKeys ??= this.#readKeyring(name);
    if (this.#ownKeys !== undefined) return this.#ownKeys;
    if (keyUrl === undefined) throw this.failure(`this host lacks its keys: ${keysRemedy(files)}`);
    return { name: keyUrl, bytes: await this.#fetch(keyUrl, KEYRING_BYTES_MAX) };
  }

  /** @returns undefined if the file does not exist */
  #readKeyring(file: string): NamedKeys | undefined {
    try {
      return { name: file, bytes: readRegularBytes(file, KEYRING_BYTES_MAX) };
    } catch (cause) {
      if (cause instanceof UnfitFile) throw this.failure(`its keyring ${file} is not used: ${cause.message}`, cause);
      const code = osErrorCode(cause);
      if (code === 'ENOENT') return undefined;
      throw this.failure(`its keyring ${file} cannot be read (${code}): let this user read it`, cause);
    }
  }

  #fetch(url: string, bytesMax: number): Promise<Uint8Array> {
    const pending = this.#fetched.get(url);
    if (pending !== undefined) return pending;
    const bytes = this.#download(url, bytesMax).then((content) => this.#keep(url, content));
    this.#fetched.set(url, bytes);
    return bytes;
  }

  async #download(url: string, bytesMax: number): Promise<Uint8Array> {
    try {
      const bytes = await this.#downloads.fetchDocument({ url, bytesMax }, this.#signal);
      if (bytes !== undefined) return bytes;
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      throw this.failure(`${url}: ${describeLastFault(error.fault)}`, error);
    }
    throw cancelled();
  }

  #keep(url: string, bytes: Uint8Array): Uint8Array {
    this.#bytes += bytes.length;
    if (this.#bytes > TOTAL_BYTES_MAX) throw this.failure(`its documents have more than ${TOTAL_BYTES_MAX} bytes`);
    if (bytes.length > KEPT_BYTES_MAX) this.#fetched.delete(url);
    return bytes;
  }
}

const cancelled = (): RackError => new RackError('cancelled', 'the download was cancelled');

const PACKAGED = /^\/usr\/share\/keyrings\/(debian-archive-keyring)\.gpg$/;

/** How a host without any of these files gets one. */
export function keysRemedy(files: readonly string[]): string {
  const [name] = files.flatMap((file) => PACKAGED.exec(file)?.slice(1) ?? []);
  return name === undefined ? `copy ${files.join(' or ')} from a host that has it` : installLine([name]);
}

const isAbsence = (cause: unknown): boolean =>
  cause instanceof DownloadError &&
  cause.fault.code === 'http-refused' &&
  (cause.fault.params.status === 404 || cause.fault.params.status === 410);
