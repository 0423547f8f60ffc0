// Uploads of boot images over the API.
//
// Sources: MAAS 2.0 and 1.0: POST `boot-resources/` (name, title, architecture, sha256, size,
// filetype, content), then PUTs of the content to the `upload_uri` of the answer, as its command
// line does.
//
// 1. Only administrators upload: every machine that boots here can read an image.
// 2. `Content-Range` is ours: with it, a client that lost an answer cannot send a piece twice.

import { z } from 'zod';
import { cleanText } from '../../../ground/clean-text.ts';
import { counted } from '../../../ground/counted.ts';
import { describeMissingUpload, UPLOAD_EMPTY } from '../../images/uploads.ts';
import { UPLOAD_BYTES_MAX } from '../../records/upload-store.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  json,
  plainText,
  refuse,
  refuseField,
  refuseFor,
} from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  getCallerUsername,
  nothing,
  numberText,
  type Operation,
  operation,
  optionalText,
  ownTransaction,
  value,
} from '../call/operation.ts';
import { ARCHITECTURES } from '../machines/enlistment-operations.ts';
import { wholeJson } from './boot-resource-operations.ts';

/** The paths whose bodies are processed while they arrive. */
export const CREATE_PATH = 'boot-resources';
export const PIECE_PATH = 'boot-resources/{id}/upload/{file}';
/** The part of a form with the content. */
export const CONTENT_FIELD = 'content';

const LABEL = 'uploaded';
const PART = '[a-z0-9][a-z0-9_.+-]{0,62}';
/** The same for browsers, which want the hyphen of a class escaped. */
const ATTRIBUTE_PART = PART.replace('-]', '\\-]');
const NAME = new RegExp(`^(?:(${PART})/)?(${PART})$`);
const ARCHITECTURE = new RegExp(`^(${PART})(?:/(${PART}))?$`);
const isArchitecture = (text: string) => ARCHITECTURES.has(ARCHITECTURE.exec(text)?.[1] ?? '');

const FILE_HASH = 'Give the SHA-256 of the file: 64 hexadecimal digits.';

const uploadParameters = z.object({
  name: value(
    z
      .string()
      .regex(
        NAME,
        'Give a name such as custom/site or site: lower-case letters and digits, with . _ + - inside, at most 63 characters on each side of /.',
      ),
  )
    .describe('The system and its release, such as `custom/site`. Without a system, the system is `custom`.')
    .register(controls, {
      hint: 'System and release, such as custom/site: lower-case letters, digits and . _ + -',
      pattern: `(?:${ATTRIBUTE_PART}/)?${ATTRIBUTE_PART}`,
      charactersMax: 127,
    }),
  architecture: value(
    z.string().refine(isArchitecture, 'Give an architecture that exists, such as amd64 or amd64/generic.'),
  )
    .describe('Such as `amd64/generic`.')
    .register(controls, { hint: 'Of the machines that it is for.' }),
  title: optionalText(128, 'A title for people.', { hint: 'For people. By default its name.' }),
  filetype: optionalText(
    16,
    'The kind of file: the root of a system (tgz, the default), or the image of a disk (ddraw, qcow2 …).',
    { label: 'Kind of file', hint: 'What the file contains.' },
  ),
  sha256: value(z.string().regex(/^[0-9a-fA-F]{64}$/, FILE_HASH))
    .optional()
    .describe('The SHA-256 of the file; optional with `content`.'),
  size: value(numberText(/^\d{1,15}$/))
    .optional()
    .describe('Its size, in bytes; optional with `content`.'),
  base_image: optionalText(256, 'Without effect: one environment deploys every image, by what is in it.'),
  content: value(z.string())
    .optional()
    .describe('The whole file as a part of a multipart form. Without it, the answer names an `upload_uri` for PUTs.')
    .register(controls, { control: 'file', label: 'File', hint: 'It is checked when it has arrived.' }),
});

type Fields = z.output<typeof uploadParameters>;

function parseUploadName({ name, architecture: text }: Fields) {
  const [, os = 'custom', release = ''] = NAME.exec(name ?? '') ?? [];
  const [, architecture = '', subarchitecture = 'generic'] = ARCHITECTURE.exec(text ?? '') ?? [];
  return { os, release, architecture, subarchitecture, label: LABEL };
}

/**
 * The kind of file, its digest and its length, or for each that cannot be used a refusal in its
 * place; then the refusals of its name.
 */
function judged({ region: { bootImages }, file }: ApiCall, fields: Fields) {
  const { uploads } = bootImages;
  const { filetype: fileType = 'tgz', sha256 = file?.sha256, size } = fields;
  const fileTypes = uploads.fileTypes;
  const bytes = size === undefined ? file?.bytes : Number(size);
  const isSize = bytes !== undefined && bytes >= 1 && bytes <= UPLOAD_BYTES_MAX;
  const wanted = parseUploadName(fields);
  const excess = fields.name === undefined ? 0 : uploads.countExcessCharacters(wanted);
  return [
    fileTypes !== undefined && !fileTypes.includes(fileType)
      ? refuseField('filetype', `Give one of ${fileTypes.join(', ')}.`)
      : fileType,
    sha256 === undefined
      ? refuseField('sha256', FILE_HASH)
      : file !== undefined && file.sha256 !== sha256.toLowerCase()
        ? refuseField('sha256', `The content has the SHA-256 ${file.sha256}: send the file again.`)
        : sha256.toLowerCase(),
    !isSize
      ? refuseField('size', `Give the size of the file in bytes, from 1 to ${UPLOAD_BYTES_MAX}.`)
      : file !== undefined && file.bytes !== bytes
        ? refuseField('size', `The content has ${counted(file.bytes, 'byte')}: send the file again.`)
        : bytes,
    uploads.isReserved(wanted.os, fileType)
      ? refuseField('name', `The boot tree itself uses the name ${wanted.os}: give another system, such as custom.`)
      : excess > 0
        ? refuseField(
            'name',
            `Give a name and an architecture that are ${counted(excess, 'character')} shorter together: the image is a file with both in its name.`,
          )
        : undefined,
  ] as const;
}

async function createUpload(call: ApiCall, fields: z.output<typeof uploadParameters>): Promise<Answer> {
  const { bootImages } = call.region;
  const { file } = call;
  const checked = combineOrRefuse(...judged(call, fields));
  if (isRefusal(checked)) return checked;
  const [fileType, sha256, bytes] = checked;
  const { os, release, architecture, subarchitecture } = parseUploadName(fields);
  const name = [os, release, architecture, subarchitecture, LABEL].join('/');
  const title = cleanText(fields.title ?? '', 128);
  const wanted = { name, title, fileType, bytes, sha256, username: getCallerUsername(call) };
  const created = await bootImages.uploads.create(wanted, file);
  if ('refusal' in created) return refuseFor([created.refusal]);
  const resource = (await bootImages.listResources()).find((resource) => resource.name === name);
  if (resource === undefined) return refuse('not-found', describeMissingUpload(created.id));
  return json(wholeJson(call, resource), 201);
}

async function takePiece(call: ApiCall): Promise<Answer> {
  const { path, piece, region } = call;
  const { file: id = '' } = path;
  if (!/^\d{1,15}$/.test(id)) return refuse('not-found', describeMissingUpload(id.slice(0, 64)));
  if (piece === undefined) return refuse('bad-request', UPLOAD_EMPTY);
  if (piece.place === 'unreadable')
    return refuse(
      'bad-request',
      'Give Content-Range as bytes FIRST-LAST/SIZE, with the place of this piece in the file.',
    );
  const refused = await region.bootImages.uploads.receivePiece(Number(id), piece, piece.place);
  return refused === undefined ? plainText('OK') : refuseFor([refused]);
}

const many = { versions: ['1.0', '2.0'], path: CREATE_PATH, handler: 'BootResourcesHandler' } as const;
const piece = { ...many, path: PIECE_PATH, handler: 'BootResourceFileUploadHandler' } as const;

/** Operations on uploads. */
export const BOOT_UPLOAD_OPERATIONS: readonly Operation[] = [
  operation(
    ownTransaction(many),
    'POST',
    'admin',
    { of: 'wholeBootResource', statuses: [201] },
    'Upload a boot image: with its content, or in pieces of at most 4 MiB, sent in order by PUT requests to the `upload_uri` of the answer. The same request again continues the upload: `received` says where, and its next piece needs `Content-Range`.',
    uploadParameters,
    createUpload,
  ),
  operation(
    ownTransaction(piece),
    'PUT',
    'admin',
    'text',
    'Add the next piece to an upload: the body, as application/octet-stream. `Content-Range` may say where it belongs. The answer to the last piece waits some seconds for the image.',
    nothing,
    takePiece,
  ),
];
