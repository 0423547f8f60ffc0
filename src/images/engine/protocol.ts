// The address at which commands find the engine of the process that owns a tree, and the messages
// between them (socket.ts).

import { join } from 'node:path';
import { serialize } from 'node:v8';
import { errorText, RackError } from '../../ground/errors.ts';
import type { Report } from './reports.ts';
import type { WorkInput, WorkName } from './works.ts';

/** An open socket of an engine, and its tree: both absolute. */
export interface EngineEndpoint {
  readonly socket: string;
  readonly tree: string;
}

/** The socket, which only the user of its process and root may open. */
export const engineSocket = (stateDir: string): string => join(stateDir, 'images.sock');

/** The directory for packages and unpacked files of installers. `rackboot images build` uses it too. */
export const workDirectory = (stateDir: string): string => join(stateDir, 'images-work');

export const LENGTH_BYTES = 4;

/** The work that a client requests. */
export interface Order<N extends WorkName = WorkName> {
  readonly name: N;
  /** The path of the tree, as its owning process names it. */
  readonly tree: string;
  readonly options: WorkInput<N>;
  /** The bytes of a file follow. */
  readonly hasContent: boolean;
  /** The size of that file. Undefined if unknown. */
  readonly bytes: number | undefined;
}

export type AnswerLine<T = unknown> =
  | Report
  | { readonly done: T }
  | { readonly refused: { readonly code: RackError['code'] | undefined; readonly message: string } };

/** The line for an error; a bug of our own has no code. */
export const formatRefusal = (error: unknown): Extract<AnswerLine, { readonly refused: unknown }> => ({
  refused: { code: error instanceof RackError ? error.code : undefined, message: errorText(error) },
});

export function buildRefusedError({ refused: { code, message } }: ReturnType<typeof formatRefusal>): Error {
  return code === undefined ? new Error(message) : new RackError(code, message);
}

/** The length and the bytes of an order. */
export function encodeOrder<N extends WorkName>(order: Order<N>): readonly Uint8Array[] {
  const body = serialize(order);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(body.length);
  return [length, body];
}
