// Files that users store in the region: Juju keeps there which machine it bootstrapped.
//
// Sources: MAAS's `files/`: in 1.0 with `op=add` and `op=list`; `get`, and `get_by_key` for callers
// without an account.
//
// 1. Users reach only their own files; whoever has the key of a file, 192 random bits, may read it:
//    MAAS's clients hand out such URLs.
// 2. The content is stored as its bytes were sent: in a part of a multipart body, or as the text of a field.

import { z } from 'zod';
import { cleanText } from '../../../ground/clean-text.ts';
import { keyPart } from '../../accounts/accounts.ts';
import {
  FILE_BYTES_MAX,
  FILE_BYTES_PER_USER_MAX,
  FILES_PER_USER_MAX,
  type FileInfo,
  type StoredFile,
} from '../../records/file-store.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, EMPTY, json, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  getCallerUsername,
  nothing,
  type Operation,
  operation,
  optionalText,
  requiredText,
  value,
} from '../call/operation.ts';

const NAME_MAX = 255;
/** Characters of a key: 192 random bits. */
const KEY_LENGTH = 33;

const filename = value(z.string().min(1).max(NAME_MAX)).describe('The name of the file.');
const prefix = optionalText(NAME_MAX, 'Only files whose names begin with this.');
const newFile = z.object({ filename, file: value(z.string()).describe('Its content.') });

function fileJson({ version }: ApiCall, { name, key }: FileInfo): AnswerOf<'file'> {
  const base = `/MAAS/api/${version}/files/`;
  return {
    filename: name,
    key,
    anon_resource_uri: `${base}?op=get_by_key&key=${key}`,
    resource_uri: `${base}${encodeURIComponent(name)}/`,
  };
}

const noFile = () => refuse('not-found', 'There is no such file.');
const answerContent = ({ content }: StoredFile): Answer => ({
  kind: 'text',
  text: Buffer.from(content),
  contentType: 'application/octet-stream',
});

const refuseFileName = (name: string) =>
  cleanText(name, NAME_MAX) === name
    ? undefined
    : refuseField('filename', 'Give a name of 1 to 255 printable characters.');

async function addFile(call: ApiCall, input: z.output<typeof newFile>): Promise<Answer> {
  const { store, clock } = call.region;
  const refused = refuseFileName(input.filename);
  if (refused !== undefined) return refused;
  const content = call.files?.get('file') ?? Buffer.from(input.file);
  if (content.length > FILE_BYTES_MAX)
    return refuse('body-too-large', `An uploaded file may have at most ${FILE_BYTES_MAX} bytes.`);
  const file = { name: input.filename, key: keyPart(clock, KEY_LENGTH), content };
  const stored = await store.files.put(getCallerUsername(call), file, clock.wallTimeMs());
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

async function listFiles(call: ApiCall, input: z.output<typeof byPrefix>) {
  const files = await call.region.store.files.list(getCallerUsername(call));
  return json(files.filter(({ name }) => name.startsWith(input.prefix ?? '')).map((file) => fileJson(call, file)));
}

async function get(call: ApiCall, input: z.output<typeof byName>): Promise<Answer> {
  const file = await call.region.store.files.find(getCallerUsername(call), input.filename);
  return file === undefined ? noFile() : answerContent(file);
}

async function getByKey(call: ApiCall, { key }: z.output<typeof byKey>): Promise<Answer> {
  const file = await call.region.store.files.findByKey(key);
  return file === undefined ? noFile() : answerContent(file);
}

async function answerFile(call: ApiCall): Promise<Answer> {
  const file = await call.region.store.files.find(getCallerUsername(call), call.path.filename ?? '');
  if (file === undefined) return noFile();
  return json({ ...fileJson(call, file), content: Buffer.from(file.content).toString('base64') });
}

async function removeFile(call: ApiCall, name: string): Promise<Answer> {
  return (await call.region.store.files.remove(getCallerUsername(call), name)) ? EMPTY : noFile();
}

const byName = z.object({ filename });
const byPrefix = z.object({ prefix });
const byKey = z.object({ key: requiredText(64, 'The key of the file.') });
const DELETE = 'Delete a file.';

function defineFileOperations(version: ApiVersion): readonly Operation[] {
  const isOld = version === '1.0';
  const many = { versions: [version], path: 'files', handler: 'FilesHandler' } as const;
  const item = { versions: [version], path: 'files/{filename}', handler: 'FileHandler' } as const;
  return [
    operation(
      many,
      isOld ? 'POST add' : 'POST',
      'user',
      { of: 'file', statuses: [201] },
      'Store a file, or replace the content of the one with this name.',
      newFile,
      addFile,
    ),
    operation(many, isOld ? 'GET list' : 'GET', 'user', ['file'], 'List your files.', byPrefix, listFiles),
    operation(many, 'GET get', 'user', 'bytes', 'Get the content of a file.', byName, get),
    operation(
      many,
      'GET get_by_key',
      'anyone',
      'bytes',
      'Get the content of a file by its key, without an account.',
      byKey,
      getByKey,
    ),
    ...(isOld
      ? []
      : [
          operation(many, 'DELETE', 'user', 'nothing', DELETE, byName, (call, input) =>
            removeFile(call, input.filename),
          ),
        ]),
    operation(item, 'GET', 'user', 'file', 'Read a file, with its content in Base64.', nothing, answerFile),
    operation(item, 'DELETE', 'user', 'nothing', DELETE, nothing, (call) => removeFile(call, call.path.filename ?? '')),
  ];
}

export const FILE_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap(defineFileOperations);
