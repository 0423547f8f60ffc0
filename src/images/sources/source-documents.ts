// Fetches and verifies the documents of a source: lists, indexes, their signatures and the keys.
//
// 1. Every returned document is authenticated: by a signature of one of the source's keys, or by
//    HTTPS if the source is `unsigned`.
// 2. A document of at most KEPT_BYTES_MAX is fetched once per run and stays in memory.
// 3. A document older than one seen at its URL (seen-documents.ts) is refused. The time of a list
//    of checksums is that of its signature.
// 4. All documents of a source together have at most TOTAL_BYTES_MAX.
// 5. A thread verifies one document at a time, because a large document takes ten times its size in memory.

import { createHash } from 'node:crypto';
import { readRegularBytes, UnfitFile } from '../../files/regular-file.ts';
import type { Clock } from '../../ground/clock.ts';
import { counted } from '../../ground/counted.ts';
import { osErrorCode, RackError } from '../../ground/errors.ts';
import { installLine } from '../content/needed-programs.ts';
import { DownloadError, describeLastFault } from '../download/fault.ts';
import type { Downloads } from '../download/queue.ts';
import { SequentialQueue } from '../store/one-at-a-time.ts';
import type { Checksum } from './checksum-list.ts';
import { type DocumentDecoded, describeDocumentFault } from './document-fault.ts';
import { Keyring } from './keyring.ts';
import { recordSeen, type SeenRecords } from './seen-documents.ts';
import { describeSignatureFault } from './signature-fault.ts';
import type { ImageSource } from './source.ts';
import { SIGNATURE_BYTES_MAX, verifyClearSigned, verifyDetached } from './verification.ts';

/** Bound on a document in bytes. The decoders of simplestreams have the same bound. */
const DOCUMENT_BYTES_MAX = 32 * 1024 * 1024;
/** Bound on all documents of a source together. The largest known document has 12 MB. */
const TOTAL_BYTES_MAX = 256 * 1024 * 1024;
/** Larger documents are not kept, but fetched again for each reader: an index may name a thousand of them. */
const KEPT_BYTES_MAX = 1024 * 1024;
const KEYRING_BYTES_MAX = 4 * 1024 * 1024;

/** Where the keys of a source come from, for one of its releases. */
export interface KeySource {
  readonly keyUrl: string | undefined;
  /** If undefined, every key of the file is accepted. */
  readonly fingerprints: readonly string[] | undefined;
}

/** Keys, and the name of their origin: a file, a URL, or the settings. */
interface KeyFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface NamedKeyring {
  readonly name: string;
  readonly keyring: Keyring;
}

/** Authenticated bytes, or text without its clear signature. */
export type TrustedDocument = Uint8Array | string;

interface DocumentLocation {
  readonly url: string;
  /** The URL of a detached signature. Undefined if the document is clear-signed, or the source unsigned. */
  readonly signatureUrl?: string | undefined;
  /** If undefined, the keys of the source are used. */
  readonly keys?: KeySource | undefined;
  readonly bytesMax?: number | undefined;
}

export interface SourceDocument {
  readonly content: TrustedDocument;
  /** When the document was signed, in ms since 1970. Undefined if only HTTPS protects it. */
  readonly signedMs: number | undefined;
  /** The bytes as the server sent them. A second download may bring other bytes. */
  readonly bytes: Uint8Array;
  /** The detached signature. Undefined if there is none. */
  readonly signature: Uint8Array | undefined;
}

const verifications = new SequentialQueue();

export class SourceDocuments {
  readonly #source: ImageSource;
  readonly #downloads: Downloads;
  readonly #clock: Pick<Clock, 'wallTimeMs'>;
  readonly #signal: AbortSignal | undefined;
  readonly #seen: SeenRecords | undefined;
  readonly #fetched = new Map<string, Promise<Uint8Array>>();
  #totalBytes = 0;
  /** The keys of a file or of the settings. Undefined if none was found, or none was looked for yet. */
  #hostKeys: KeyFile | undefined;
  readonly #keyrings = new Map<string, Promise<NamedKeyring>>();

  /** @param seen if undefined, older documents are accepted */
  constructor(
    source: ImageSource,
    downloads: Downloads,
    clock: Pick<Clock, 'wallTimeMs'>,
    signal: AbortSignal | undefined,
    seen?: SeenRecords,
  ) {
    this.#source = source;
    this.#downloads = downloads;
    this.#clock = clock;
    this.#signal = signal;
    this.#seen = seen;
  }

  async read({ url, bytesMax = DOCUMENT_BYTES_MAX, ...location }: DocumentLocation): Promise<SourceDocument> {
    return this.#verify(await this.#fetch(url, bytesMax), url, location);
  }

  /** Reads a document as `read` does. Undefined if the server has no such document. */
  async find(location: DocumentLocation): Promise<SourceDocument | undefined> {
    const bytes = await this.#fetch(location.url, DOCUMENT_BYTES_MAX).catch((error: unknown) => {
      if (error instanceof RackError && isAbsence(error.cause)) return undefined;
      throw error;
    });
    return bytes === undefined ? undefined : this.#verify(bytes, location.url, location);
  }

  /** @throws RackError `source-failed` if this host has seen a newer document there. */
  async refuseOlder(url: string, updatedMs: number | undefined): Promise<void> {
    const refusal = this.#seen === undefined ? undefined : await recordSeen(this.#seen, url, updatedMs);
    if (refusal !== undefined) throw this.failure(`${url}: ${refusal}`);
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
    { signatureUrl, keys = this.#getOwnKeySource() }: Omit<DocumentLocation, 'url'>,
  ): Promise<SourceDocument> {
    if (this.#source.trust.kind === 'unsigned')
      return { content: bytes, bytes, signature: undefined, signedMs: undefined };
    const { name, keyring } = await this.#getKeyring(keys);
    const signature = signatureUrl === undefined ? undefined : await this.#fetchSignature(url, signatureUrl);
    const verification = await verifications.run(async () => {
      if (this.#signal?.aborted === true) throw buildCancelledError();
      const request = { file: signatureUrl ?? url, keyring, nowMs: this.#clock.wallTimeMs() };
      return signature === undefined
        ? await verifyClearSigned(bytes, request)
        : await verifyDetached(bytes, signature, request);
    });
    if (!verification.ok) {
      const note = keys.fingerprints === undefined ? '' : ', of which only those with its fingerprints count';
      throw this.failure(`${describeSignatureFault(verification.fault)}; its keys are in ${name}${note}`);
    }
    const { madeMs, text = bytes } = verification.value;
    return { content: text, bytes, signature, signedMs: madeMs };
  }

  #getOwnKeySource(): KeySource {
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

  #getKeyring(keySource: KeySource): Promise<NamedKeyring> {
    const key = JSON.stringify([keySource.keyUrl, keySource.fingerprints]);
    const cached = this.#keyrings.get(key);
    if (cached !== undefined) return cached;
    const pendingKeyring = this.#readKeys(keySource).then(({ name, bytes }) => ({
      name,
      keyring: new Keyring(bytes, keySource.fingerprints),
    }));
    this.#keyrings.set(key, pendingKeyring);
    return pendingKeyring;
  }

  async #readKeys({ keyUrl }: KeySource): Promise<KeyFile> {
    const { trust } = this.#source;
    const [files, storedKeys] = trust.kind === 'signed' ? [trust.keyrings, trust.keys] : [[], undefined];
    if (storedKeys !== undefined) this.#hostKeys ??= { name: 'the settings of the source', bytes: storedKeys };
    for (const name of files) this.#hostKeys ??= this.#readKeyring(name);
    if (this.#hostKeys !== undefined) return this.#hostKeys;
    if (keyUrl === undefined) throw this.failure(`this host lacks its keys: ${describeKeysRemedy(files)}`);
    return { name: keyUrl, bytes: await this.#fetch(keyUrl, KEYRING_BYTES_MAX) };
  }

  /** @returns undefined if the file does not exist */
  #readKeyring(file: string): KeyFile | undefined {
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
    const bytes = this.#download(url, bytesMax).then((content) => this.#countAndCache(url, content));
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
    throw buildCancelledError();
  }

  #countAndCache(url: string, bytes: Uint8Array): Uint8Array {
    this.#totalBytes += bytes.length;
    if (this.#totalBytes > TOTAL_BYTES_MAX) throw this.failure(`its documents have more than ${TOTAL_BYTES_MAX} bytes`);
    if (bytes.length > KEPT_BYTES_MAX) this.#fetched.delete(url);
    return bytes;
  }
}

const buildCancelledError = (): RackError => new RackError('cancelled', 'the download was cancelled');

const PACKAGED_KEYRING = /^\/usr\/share\/keyrings\/(debian-archive-keyring)\.gpg$/;

/** Describes how a host gets one of these files. */
export function describeKeysRemedy(files: readonly string[]): string {
  const [name] = files.flatMap((file) => PACKAGED_KEYRING.exec(file)?.slice(1) ?? []);
  return name === undefined ? `copy ${files.join(' or ')} from a host that has it` : installLine([name]);
}

const isAbsence = (cause: unknown): boolean =>
  cause instanceof DownloadError &&
  cause.fault.code === 'http-refused' &&
  (cause.fault.params.status === 404 || cause.fault.params.status === 410);
