// Files that users store in the region: Juju keeps there which machine it bootstrapped.
//
// Sources: MAAS's `files/`: in 1.0 with `op=add` and `op=list`; `get`, and `get_by_key` for callers without an account.
//
// 1. Users reach only their own files. Anyone who has the key of a file, 192 random bits, may read it: MAAS's clients hand out such URLs.
// 2. The content is stored as its bytes were sent: in a part of a multipart body, or as the text of a field.

import { z } from 'zod';
import { cleanText } from '../../../clean-text.ts';
import { keyPart } from '../../accounts/accounts.ts';
import {
  FILE_BYTES_MAX,
  FILE_BYTES_PER_USER_MAX,
  FILES_PER_USER_MAX,
  type FileInfo,
  type StoredFile,
} from '../../records/file-store.ts';
import { type Answer, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  defineOperation,
  nothing,
  type Operation,
  usernameOf,
  value,
} from '../call/operation.ts';

const NAME_MAX = 255;
/** Characters of a key: 192 random bits. */
const KEY_LENGTH = 33;

const filename = value(z.string().min(1).max(NAME_MAX)).describe('The name of the file.');
const prefix = value(z.string().max(NAME_MAX)).optional().describe('Only files whose names begin with this.');
const newFile = z.object({ filename, file: value(z.string()).describe('Its content.') });

function fileJson({ version }: ApiCall, { name, key }: FileInfo): Record<string, unknown> {
  const base = `/MAAS/api/${version}/files/`;
  return {
    filename: name,
    key,
    anon_resource_uri: `${base}?op=get_by_key&key=${key}`,
    resource_uri: `${base}${encodeURIComponent(name)}/`,
  };
}

const noFile = (): Refusal => refuse('not-found', 'There is no such file.');
const contentOf = ({ content }: StoredFile): Answer => ({
  kind: 'text',
  text: Buffer.from(content),
  contentType: 'application/octet-stream',
});

const refuseName = (name: string): Refusal | undefined =>
  cleanText(name, NAME_MAX) === name
    ? undefined
    : refuseField('filename', 'Give a name of 1 to 255 printable characters.');

async function add(call: ApiCall, given: z.output<typeof newFile>): Promise<Answer> {
  const { store, clock } = call.region;
  const refused = refuseName(given.filename);
  if (refused !== undefined) return refused;
  const content = call.files?.get('file') ?? Buffer.from(given.file);
  if (content.length > FILE_BYTES_MAX)
    return refuse('body-too-large', `An uploaded file may have at most ${FILE_BYTES_MAX} bytes.`);
  const file = { name: given.filename, key: keyPart(clock, KEY_LENGTH), content };
  const stored = await store.files.put(usernameOf(call), file, clock.wallTimeMs());
  if (stored === 'no-user') return refuse('not-allowed', 'Files belong to accounts: use the API key of an account.');
  if (stored === 'limit') {
    const mebibytes = FILE_BYTES_PER_USER_MAX / (1024 * 1024);
    return refuseField(
      'file',
      `A user may have at most ${FILES_PER_USER_MAX} files, with at most ${mebibytes} MiB in total: delete some.`,
    );
  }
  return json(fileJson(call, stored), 201);
}

async function list(call: ApiCall, given: { readonly prefix?: string | undefined }): Promise<Answer> {
  const files = await call.region.store.files.list(usernameOf(call));
  return json(files.filter(({ name }) => name.startsWith(given.prefix ?? '')).map((file) => fileJson(call, file)));
}

async function get(call: ApiCall, given: { readonly filename: string }): Promise<Answer> {
  const found = await call.region.store.files.find(usernameOf(call), given.filename);
  return found === undefined ? noFile() : contentOf(found);
}

async function getByKey(call: ApiCall, { key }: { readonly key: string }): Promise<Answer> {
  const found = await call.region.store.files.findByKey(key);
  return found === undefined ? noFile() : contentOf(found);
}

async function read(call: ApiCall): Promise<Answer> {
  const found = await call.region.store.files.find(usernameOf(call), call.path.filename ?? '');
  if (found === undefined) return noFile();
  return json({ ...fileJson(call, found), content: Buffer.from(found.content).toString('base64') });
}

async function remove(call: ApiCall, name: string): Promise<Answer> {
  return (await call.region.store.files.remove(usernameOf(call), name)) ? { kind: 'empty' } : noFile();
}

function operationsOf(version: ApiVersion): readonly Operation[] {
  const isOld = version === '1.0';
  const many = { versions: [version], path: 'files', handler: 'FilesHandler', access: 'user' } as const;
  const one = { versions: [version], path: 'files/{filename}', handler: 'FileHandler', access: 'user' } as const;
  const byName = z.object({ filename });
  return [
    defineOperation({
      ...many,
      method: 'POST',
      op: isOld ? 'add' : undefined,
      answers: { of: 'file', statuses: [201] },
      doc: 'Store a file, or replace the content of the one with this name.',
      parameters: newFile,
      run: add,
    }),
    defineOperation({
      ...many,
      method: 'GET',
      op: isOld ? 'list' : undefined,
      answers: ['file'],
      doc: 'List your files.',
      parameters: z.object({ prefix }),
      run: list,
    }),
    defineOperation({
      ...many,
      method: 'GET',
      op: 'get',
      answers: 'bytes',
      doc: 'Get the content of a file.',
      parameters: byName,
      run: get,
    }),
    defineOperation({
      ...many,
      method: 'GET',
      op: 'get_by_key',
      access: 'anyone',
      answers: 'bytes',
      doc: 'Get the content of a file by its key, without an account.',
      parameters: z.object({ key: value(z.string().max(64)).describe('The key of the file.') }),
      run: getByKey,
    }),
    ...(isOld
      ? []
      : [
          defineOperation({
            ...many,
            method: 'DELETE',
            answers: 'nothing',
            doc: 'Delete a file.',
            parameters: byName,
            run: (call, given) => remove(call, given.filename),
          }),
        ]),
    defineOperation({
      ...one,
      method: 'GET',
      answers: 'file',
      doc: 'Read a file, with its content in Base64.',
      parameters: nothing,
      run: read,
    }),
    defineOperation({
      ...one,
      method: 'DELETE',
      answers: 'nothing',
      doc: 'Delete a file.',
      parameters: nothing,
      run: (call) => remove(call, call.path.filename ?? ''),
    }),
  ];
}

export const FILE_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap(operationsOf);
