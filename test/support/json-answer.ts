// An answer of a region that a test plays.

import type { ServerResponse } from 'node:http';

export const answerJson = (response: ServerResponse, value: unknown): void =>
  void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
