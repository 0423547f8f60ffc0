// Bodies of uploads, which are read while they arrive: the whole file in a form, and pieces of a file.
//
//   form of an administrator ─▶ form-stream.ts ─▶ file of the host, parameters ─▶ operation
//   piece ────────────────────────────────────────────────────────────────────▶ operation, which reads it
//   form of a user for `files/` ─▶ whole, at most FILE_FORM_BYTES_MAX
//   any other body ─▶ as everywhere: whole, at most `bodyMax`
//
// 1. The caller is identified before the body is read: only an administrator, and for `files/` a
//    user, may send more than a usual one.
// 2. A file belongs to the request until an upload takes it; otherwise it is removed with the answer.
// 3. A refusal is sent when the rest of a bounded body has been read and discarded: a client that
//    still sends, and then closes, would get a reset connection instead of the answer (RFC 9112
//    §9.6).

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RackError } from '../../ground/errors.ts';
import type { WholeFile } from '../../images/make/upload-part.ts';
import { hasBody } from '../../net/shares/body-places.ts';
import { type Answer, refuseFor } from '../api/call/answer.ts';
import type { Fields } from '../api/call/form-body.ts';
import { readStreamedForm } from '../api/call/form-stream.ts';
import type { ApiCall } from '../api/call/operation.ts';
import { CONTENT_FIELD, CREATE_PATH, PIECE_PATH } from '../api/images/boot-upload-operations.ts';
import { PIECE_BYTES_MAX, type PieceRange, type Uploads } from '../images/uploads.ts';

/**
 * The largest body, in bytes, whose rest is read before it is refused; nothing of it is kept. Any
 * client reaches it, within the bounds on connections and on the time of a request. The connection
 * of a client that sends more is closed with the answer.
 */
const DISCARDED_BYTES_MAX = 2 * PIECE_BYTES_MAX;

/**
 * The largest form with a file of FILE_BYTES_MAX, in bytes: Base64 in lines of 76 characters, and
 * room for the other parts.
 */
const FILE_FORM_BYTES_MAX = 3 * 1024 * 1024;
const FILES_PATH = 'files';

export class ArrivedForm {
  readonly refusal: Answer | undefined;
  readonly fields: Fields;
  readonly file: WholeFile | undefined;

  constructor(fields: Fields, file: WholeFile | undefined, refusal?: Answer) {
    this.fields = fields;
    this.file = file;
    this.refusal = refusal;
  }
}

class ArrivingPiece {
  readonly content: AsyncIterable<Uint8Array>;
  constructor(content: AsyncIterable<Uint8Array>) {
    this.content = content;
  }
}

interface UploadListener {
  readonly uploads: Uploads;
  readonly bodyMax: number;
  /** Asked before the body is read: true for an administrator, who may send an image. */
  mayWrite(request: FastifyRequest): Promise<boolean>;
  /** True for a user, who may send a file for `files/`. */
  isOfUser(request: FastifyRequest): Promise<boolean>;
}

export const takesUploads = (path: string): boolean =>
  path === CREATE_PATH || path === PIECE_PATH || path === FILES_PATH;

export function readUploads(app: FastifyInstance, path: string, listener: UploadListener): void {
  if (path === PIECE_PATH) {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, payload, done) => done(null, new ArrivingPiece(untilCut(payload))));
    return;
  }
  if (path === FILES_PATH) {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', async (request: FastifyRequest, payload: IncomingMessage) => {
      const isUsual = !(Number(request.headers['content-length'] ?? 0) > listener.bodyMax);
      return await readWholeBody(
        payload,
        isUsual || !(await listener.isOfUser(request)) ? listener.bodyMax : FILE_FORM_BYTES_MAX,
      );
    });
    return;
  }
  app.addContentTypeParser('multipart/form-data', async (request: FastifyRequest, payload: IncomingMessage) => {
    if (await listener.mayWrite(request)) return await readForm(request, payload, listener.uploads);
    return await readWholeBody(payload, listener.bodyMax);
  });
}

async function readForm({ headers }: FastifyRequest, payload: IncomingMessage, uploads: Uploads) {
  const form = await readStreamedForm(headers['content-type'] ?? '', untilCut(payload), CONTENT_FIELD, (content) =>
    uploads.receive(content),
  );
  const { file } = form;
  if (file !== undefined && 'refusal' in file) return new ArrivedForm(new Map(), undefined, refuseFor([file.refusal]));
  if (form.kind === 'form') return new ArrivedForm(form.fields, file);
  return new ArrivedForm(new Map(), file, refuseFor([form.refusal]));
}

/**
 * The bytes of a request as far as they come: the client may leave at any byte. A reader that stops
 * early leaves the rest to others.
 */
async function* untilCut(payload: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    const pieces: AsyncIterable<unknown> = payload.iterator({ destroyOnReturn: false });
    for await (const bytes of pieces) if (bytes instanceof Uint8Array) yield bytes;
  } catch {
    // The reader compares the length with the announced one.
  }
}

async function readWholeBody(payload: IncomingMessage, max: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of untilCut(payload)) {
    bytes += piece.length;
    if (bytes > max) throw Object.assign(new RackError('bad-argument', 'body too large'), { statusCode: 413 });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export async function discardRest({ raw }: FastifyRequest): Promise<void> {
  const isBounded = Number(raw.headers['content-length'] ?? 0) <= DISCARDED_BYTES_MAX;
  if (!hasBody(raw) || raw.readableEnded || !isBounded) return;
  let discarded = 0;
  for await (const bytes of untilCut(raw)) {
    discarded += bytes.length;
    if (discarded > DISCARDED_BYTES_MAX) return;
  }
}

export function getUpload({ body, headers }: FastifyRequest): Pick<ApiCall, 'file' | 'piece'> {
  if (body instanceof ArrivedForm) return body.file === undefined ? {} : { file: body.file };
  const bytes = Number(headers['content-length'] ?? 0);
  if (!(body instanceof ArrivingPiece) || !Number.isSafeInteger(bytes) || bytes <= 0) return {};
  return { piece: { bytes, content: body.content, place: parsePiecePlace(headers['content-range'], bytes) } };
}

/** Parses the place of a piece (RFC 9110 §14.4). */
function parsePiecePlace(range: string | undefined, bytes: number): PieceRange | 'unreadable' | undefined {
  if (range === undefined) return undefined;
  const [, first, last, whole] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range) ?? [];
  if (Number(last) - Number(first) + 1 !== bytes) return 'unreadable';
  return { from: Number(first), ...(whole === '*' ? {} : { size: Number(whole) }) };
}
