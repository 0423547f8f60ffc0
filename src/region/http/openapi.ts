// The description of the API as OpenAPI 3.1, made from the table of operations.
//
// Source: the OpenAPI Specification 3.1.0 (§4.8: the objects of a description).
//
// 1. OpenAPI allows one operation for each method and path; MAAS's API has several, distinguished
//    by `op`. So an entry describes all of them: `op` lists their names, body and answer are those
//    of one, and `x-operations` has the parameters, callers and answers of each.
// 2. Parameters are texts on the wire, and their schemas describe the text; a parameter with
//    several values may be repeated.

import { z } from 'zod';
import { describeSchema, objectSchemas } from '../api/answers/answer-objects.ts';
import type { ApiVersion, Method, Operation } from '../api/call/operation.ts';
import { OPERATIONS } from '../api/operations.ts';

type Json = Readonly<Record<string, unknown>>;

const ACCESS: Readonly<Record<Operation['access'], string>> = {
  anyone: 'everybody',
  managed: 'users, and everybody in a managed network',
  machine: 'users, and the machine itself',
  user: 'users',
  admin: 'administrators',
};

function readParameter(type: z.ZodType): { readonly isRequired: boolean; readonly schema: Json } {
  const isRequired = !(type instanceof z.ZodOptional);
  const inner = type instanceof z.ZodOptional ? type.unwrap() : type;
  // All are pipes from a list of texts to what the operation takes of it (`value`, `values`).
  const taken = inner instanceof z.ZodPipe ? inner.def.out : inner;
  const { $schema: _draft, ...schema } = z.toJSONSchema(taken, { io: 'input', unrepresentable: 'any' });
  return { isRequired, schema };
}

const describeParameters = (operation: Operation) =>
  Object.entries(operation.parameters).map(([name, type]) => ({
    name,
    description: type.description ?? '',
    ...readParameter(type),
  }));

function bodySchema(operation: Operation): Json {
  const entries = describeParameters(operation);
  const required = entries.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  return {
    type: 'object',
    title: operation.op ?? operation.method,
    properties: Object.fromEntries(entries.map(({ name, description, schema }) => [name, { ...schema, description }])),
    ...(required.length === 0 ? {} : { required }),
    ...(operation.takesOthers === true ? { additionalProperties: { type: 'string' } } : {}),
  };
}

function requestBody(operations: readonly Operation[]): Json {
  const schemas = operations
    .filter((operation) => operation.takesOthers === true || Object.keys(operation.parameters).length > 0)
    .map(bodySchema);
  if (schemas.length === 0) return {};
  const schema = schemas.length === 1 ? schemas[0] : { anyOf: schemas };
  const forms = ['multipart/form-data', 'application/x-www-form-urlencoded', 'application/json'];
  return { requestBody: { content: Object.fromEntries(forms.map((form) => [form, { schema }])) } };
}

/** The parameters in the query. Those of a change are there, too, but a body is the usual place for them. */
function queryParameters(method: Method, operations: readonly Operation[]): readonly Json[] {
  const named = operations.flatMap(({ op }) => op ?? []);
  const op = {
    name: 'op',
    in: 'query',
    required: named.length === operations.length,
    description: 'The operation.',
    schema: { type: 'string', enum: named },
  };
  const all = named.length === 0 ? [] : [op];
  if (method === 'POST' || method === 'PUT') return all;
  const schemas = new Map<string, Json>();
  for (const operation of operations) {
    for (const { name, description, schema } of describeParameters(operation)) {
      const isRequired = operations.every((operation) =>
        describeParameters(operation).some((own) => own.name === name && own.isRequired),
      );
      if (!schemas.has(name)) schemas.set(name, { name, in: 'query', required: isRequired, description, schema });
    }
  }
  return [...all, ...schemas.values()];
}

const MEDIA = {
  text: { 'text/plain': { schema: { type: 'string' } } },
  bytes: { 'application/octet-stream': { schema: {} } },
  bson: { 'application/bson': { schema: {} } },
  stream: { 'text/event-stream': { schema: { type: 'string' } } },
} as const;

/** The statuses of the successful answers of an operation, and the content of these by its media type. */
export function describeSuccess({ answers }: Pick<Operation, 'answers'>) {
  if (answers === 'refusal') return { statuses: [], content: {} };
  if (answers === 'nothing') return { statuses: [204], content: {} };
  if (answers === 'text' || answers === 'bytes' || answers === 'bson' || answers === 'stream')
    return { statuses: [200], content: MEDIA[answers] };
  const { of, statuses } = typeof answers === 'object' && 'of' in answers ? answers : { of: answers, statuses: [200] };
  const type = typeof of === 'string' ? of : `${of[0]}[]`;
  return { statuses, content: { 'application/json': { schema: describeSchema(type) } } };
}

function successes(operations: readonly Operation[]): Json {
  const described = operations.map((operation) => ({ op: operation.op, ...describeSuccess(operation) }));
  const statuses = [...new Set(described.flatMap((success) => success.statuses))];
  return Object.fromEntries(
    statuses.map((status) => {
      const content = new Map<string, Map<string, Json>>();
      const own = described.filter((success) => success.statuses.includes(status));
      for (const [type, { schema }] of own.flatMap((success) =>
        Object.entries<{ readonly schema: Json }>(success.content),
      )) {
        const schemas = content.get(type) ?? new Map<string, Json>();
        content.set(type, schemas.set(JSON.stringify(schema), schema));
      }
      const description = status === 204 ? 'Done; the answer is empty.' : 'Done.';
      const entries = [...content].map(([type, schemas]) => [type, { schema: combineSchemas([...schemas.values()]) }]);
      return [
        String(status),
        { description, ...(entries.length === 0 ? {} : { content: Object.fromEntries(entries) }) },
      ];
    }),
  );
}

const combineSchemas = (schemas: readonly Json[]): Json =>
  schemas.length === 1 ? { ...schemas[0] } : { anyOf: schemas };

const answers = (path: string, operations: readonly Operation[]): Json => ({
  ...successes(operations),
  ...(operations.some((operation) => Object.keys(operation.parameters).length > 0)
    ? { '400': { $ref: '#/components/responses/Faults' } }
    : {}),
  ...(path.includes('{') ? { '404': { $ref: '#/components/responses/Refused' } } : {}),
  default: { $ref: '#/components/responses/Refused' },
});

function describePath(path: string, method: Method, operations: readonly Operation[]): Json {
  const [first] = operations;
  const isOpen = operations.some(({ access }) => access === 'anyone' || access === 'managed');
  return {
    operationId: `${method.toLowerCase()}_${path.replace(/[{}]/g, '').replace(/[/-]/g, '_')}`,
    tags: [(first?.handler ?? '').replace(/Handler$/, '')],
    description: operations
      .map(({ op, doc }) => `${op === undefined ? '' : `${op}: `}${cutParameterDocs(doc)}`)
      .join('\n\n'),
    parameters: queryParameters(method, operations),
    ...(method === 'POST' || method === 'PUT' ? requestBody(operations) : {}),
    responses: answers(path, operations),
    security: isOpen ? [{}, { apiKey: [] }] : [{ apiKey: [] }],
    'x-operations': operations.map((operation) => ({
      op: operation.op ?? null,
      callers: ACCESS[operation.access],
      parameters: Object.keys(operation.parameters),
      answers: describeSuccess(operation),
    })),
  };
}

const cutParameterDocs = (doc: string) => doc.split('\n\n:param', 1)[0] ?? doc;

function pathItem(path: string, operations: readonly Operation[]): Json {
  const methods = [...new Set(operations.map(({ method }) => method))];
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  return {
    ...(names.length === 0
      ? {}
      : { parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })) }),
    ...Object.fromEntries(
      methods.map((method) => [
        method.toLowerCase(),
        describePath(
          path,
          method,
          operations.filter((operation) => operation.method === method),
        ),
      ]),
    ),
  };
}

const COMPONENTS: Json = {
  securitySchemes: {
    apiKey: {
      type: 'apiKey',
      in: 'header',
      name: 'Authorization',
      description: 'OAuth 1.0a with the method PLAINTEXT and the three parts of an API key.',
    },
  },
  responses: {
    Faults: {
      description: 'Parameters are missing or wrong. The body names each of them, with the reasons.',
      content: {
        'application/json': {
          schema: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } },
        },
        'text/plain': { schema: { type: 'string' } },
      },
    },
    Refused: {
      description: 'Refused. The body gives the reason as a sentence, and the header its name.',
      headers: {
        'X-Rackboot-Refusal': { description: 'The name of the reason.', schema: { type: 'string' } },
      },
      content: { 'text/plain': { schema: { type: 'string' } } },
    },
  },
};

/** The schemas to which the paths refer, and those to which these refer. */
function schemasFor(version: ApiVersion, paths: Json): Json {
  const all = objectSchemas(version);
  const names = new Set<string>();
  const visit = (value: unknown) => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      if (names.has(name)) continue;
      names.add(name);
      visit(all[name]);
    }
  };
  visit(paths);
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)));
}

function describeOpenApi(version: ApiVersion): Json {
  const own = OPERATIONS.filter((operation) => operation.versions.includes(version));
  const paths = [...new Set(own.map(({ path }) => path))].sort();
  const groups = [...new Set(own.map(({ handler }) => handler.replace(/Handler$/, '')))].sort();
  const described = Object.fromEntries(
    paths.map((path) => [
      `/${path}/`,
      pathItem(
        path,
        own.filter((operation) => operation.path === path),
      ),
    ]),
  );
  return {
    openapi: '3.1.0',
    info: { title: `Rackboot, MAAS API ${version}`, version },
    tags: groups.map((name) => ({ name })),
    paths: described,
    components: { ...COMPONENTS, schemas: schemasFor(version, described) },
  };
}

const descriptions = new Map<ApiVersion, Json>();

export function openApiDescription(version: ApiVersion, origin: string): Json {
  const cached = descriptions.get(version) ?? describeOpenApi(version);
  descriptions.set(version, cached);
  const { openapi, info, ...rest } = cached;
  return { openapi, info, servers: [{ url: `${origin}/MAAS/api/${version}` }], ...rest };
}
