// The body of a request as a form.

import type { FastifyRequest } from 'fastify';
import { type ParsedBody, parseBody } from '../api/call/form-body.ts';

/** The fields of a request's body, or what is wrong with it; a request without a body has no fields. */
export const formOf = ({ headers, body }: Pick<FastifyRequest, 'headers' | 'body'>): ParsedBody =>
  parseBody(headers['content-type'] ?? '', Buffer.isBuffer(body) ? body : Buffer.alloc(0));
