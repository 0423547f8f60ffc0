// Bodies of uploads, which are read while they arrive: the whole file in a form, and pieces of a file.
//
//   form of an administrator ─▶ form-stream.ts ─▶ file of the host, parameters ─▶ operation
//   piece ────────────────────────────────────────────────────────────────────▶ operation, which reads it
//   any other body ─▶ as everywhere: whole, at most `bodyMax`
//
// 1. Only an administrator may send more than a usual body: the caller is identified before the body is read.
// 2. A file belongs to the request until an upload takes it; otherwise it is removed with the answer.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RackError } from '../../errors.ts';
import type { WholeFile } from '../../images/uploads/upload-part.ts';
import { type Answer, refuseFor } from '../api/call/answer.ts';
import type { Fields } from '../api/call/form-body.ts';
import { readStreamedForm } from '../api/call/form-stream.ts';
import type { ApiCall } from '../api/call/operation.ts';
import { CONTENT_FIELD, CREATE_PATH, PIECE_PATH } from '../api/images/boot-upload-operations.ts';
import type { PiecePlace, Uploads } from '../images/uploads.ts';
import type { Identified } from './agent-routes.ts';

/** A form that was read while it arrived. */
export class ArrivedForm {
  /** Why it cannot be used; `undefined`: it can. */
  readonly refusal: Answer | undefined;
  readonly fields: Fields;
  readonly file: WholeFile | undefined;

  constructor(fields: Fields, file: WholeFile | undefined, refusal?: Answer) {
    this.fields = fields;
    this.file = file;
    this.refusal = refusal;
  }
}

/** A piece that is arriving. */
class ArrivingPiece {
  readonly content: AsyncIterable<Uint8Array>;
  constructor(content: AsyncIterable<Uint8Array>) {
    this.content = content;
  }
}

interface UploadListener {
  readonly uploads: Uploads;
  /** The largest usual body, in bytes. */
  readonly bodyMax: number;
  identify(request: FastifyRequest): Promise<Identified | Answer>;
}

/** True for a path whose bodies are read while they arrive. */
export const takesUploads = (path: string): boolean => path === CREATE_PATH || path === PIECE_PATH;

/** Makes an instance read the bodies of one of these paths while they arrive. */
export function readUploads(app: FastifyInstance, path: string, listener: UploadListener): void {
  if (path === PIECE_PATH) {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, payload, done) => done(null, new ArrivingPiece(untilCut(payload))));
    return;
  }
  app.addContentTypeParser('multipart/form-data', async (request: FastifyRequest, payload: AsyncIterable<unknown>) => {
    const who = await listener.identify(request);
    const isAdmin = who.kind === 'identified' && who.caller.kind === 'user' && who.caller.isAdmin;
    if (isAdmin) return await readForm(request, payload, listener.uploads);
    return await readWhole(payload, listener.bodyMax);
  });
}

async function readForm(
  { headers }: FastifyRequest,
  payload: AsyncIterable<unknown>,
  uploads: Uploads,
): Promise<ArrivedForm> {
  const form = await readStreamedForm(headers['content-type'] ?? '', untilCut(payload), CONTENT_FIELD, (content) =>
    uploads.receive(content),
  );
  const { file } = form;
  if (file !== undefined && 'refusal' in file) return new ArrivedForm(new Map(), undefined, refuseFor([file.refusal]));
  if (form.kind === 'form') return new ArrivedForm(form.fields, file);
  return new ArrivedForm(new Map(), file, refuseFor([form.refusal]));
}

/** The bytes of a request as far as they come: the client may leave at any byte. */
async function* untilCut(payload: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of payload) if (bytes instanceof Uint8Array) yield bytes;
  } catch {
    // The reader compares the length with the announced one.
  }
}

async function readWhole(payload: AsyncIterable<unknown>, max: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of untilCut(payload)) {
    bytes += piece.length;
    if (bytes > max) throw Object.assign(new RackError('bad-argument', 'body too large'), { statusCode: 413 });
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** The file or the piece of a call. */
export function uploadOf({ body, headers }: FastifyRequest): Pick<ApiCall, 'file' | 'piece'> {
  if (body instanceof ArrivedForm) return body.file === undefined ? {} : { file: body.file };
  const bytes = Number(headers['content-length'] ?? 0);
  if (!(body instanceof ArrivingPiece) || !Number.isSafeInteger(bytes) || bytes <= 0) return {};
  return { piece: { bytes, content: body.content, place: placeOf(headers['content-range'], bytes) } };
}

/** Where a piece belongs (RFC 9110 §14.4). */
function placeOf(range: string | undefined, bytes: number): PiecePlace | 'unreadable' | undefined {
  if (range === undefined) return undefined;
  const [, first, last, whole] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range) ?? [];
  if (Number(last) - Number(first) + 1 !== bytes) return 'unreadable';
  return { from: Number(first), ...(whole === '*' ? {} : { size: Number(whole) }) };
}
