// Where commands find the engine of the process that owns a tree.

import { join } from 'node:path';

/** An open socket of an engine, and its tree. */
export interface EngineDoor {
  readonly socket: string;
  readonly tree: string;
}

/** The socket, in the private directory for the making of images. */
export const engineSocket = (stateDir: string): string => join(stateDir, 'images-work', 'socket');
