// The schema of a region's description of its API: the parts that the command line reads (`description.ts`).

import { z } from 'zod';

const actionShape = z.looseObject({
  name: z.string(),
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']),
  op: z.string().nullable(),
  doc: z.string().nullable().default(''),
});
const handlerShape = z.looseObject({
  name: z.string(),
  doc: z.string().nullable().default(''),
  params: z.array(z.string()),
  /** Printable ASCII: it becomes the target of a request (RFC 9112 §3.2). */
  path: z.string().regex(/^[\x21-\x7e]*$/),
  actions: z.array(actionShape),
});

/** The answer of `/MAAS/api/…/describe/`. */
export const descriptionShape = z.looseObject({
  resources: z.array(z.looseObject({ name: z.string(), anon: handlerShape.nullable(), auth: handlerShape.nullable() })),
});

/** A region's description of its API. */
export type Description = z.output<typeof descriptionShape>;
