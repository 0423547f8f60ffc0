// The page that uploads the file of an image: the operation of the API with the file as `content`, which is written to the disk while it arrives.
//
// 1. The browser sends the form without a script; with one, the page shows how much has gone.

import { CPUS } from '../../boot/architectures.ts';
import { html, nothing } from '../../html.ts';
import { choiceField, fileField, hiddenField, textField } from './forms.ts';
import { IMAGES_PATH } from './image-page.ts';
import { UPLOAD_PATH } from './images-page.ts';
import { pageOf } from './parts.ts';
import { given, type PageDefinition, submit, type View } from './view.ts';
import { words } from './words.ts';

const UPLOAD = 'POST boot-resources';
const NAME_MAX = 127;
/** As the operation accepts it, so that the browser refuses another name before it sends the file. */
const NAME = '(?:[a-z0-9][a-z0-9_.+\\-]{0,62}/)?[a-z0-9][a-z0-9_.+\\-]{0,62}';
const TITLE_MAX = 128;

async function render(view: View) {
  const { uploads } = view.region.bootImages;
  const { title, lead, noStore, broken, submit: label, ...fields } = words.upload;
  const types = uploads.fileTypes ?? [];
  const free = await view.region.bootImages.freeBytes();
  const controls = [
    textField(view, { name: 'name', ...fields.name, required: true, pattern: NAME, charactersMax: NAME_MAX }),
    choiceField(view, {
      name: 'architecture',
      ...fields.architecture,
      value: 'amd64',
      choices: CPUS.map((cpu) => [cpu, cpu]),
    }),
    choiceField(view, {
      name: 'filetype',
      ...fields.fileType,
      value: 'tgz',
      choices: types.map((type) => [type, fields.kindOf(type)]),
    }),
    textField(view, { name: 'title', ...fields.imageTitle, charactersMax: TITLE_MAX }),
    fileField(view, { name: 'content', ...fields.content, required: true }),
  ];
  const form =
    view.viewer.csrf === ''
      ? nothing
      : html`
        <form method="post" action="${UPLOAD_PATH}" enctype="multipart/form-data" class="form" data-broken="${broken}">
        ${hiddenField('csrf', view.viewer.csrf)}${controls}
        <progress aria-label="${fields.sending}" hidden></progress>
        <div class="buttons"><button class="button primary">${label}</button><a class="button plain" href="${IMAGES_PATH}">${words.forms.cancel}</a></div></form>`;
  const room = free === undefined ? nothing : html` ${words.images.free(free)}`;
  return pageOf(view, {
    title,
    place: 'images',
    main: html`
      <div class="bar"><h1>${title}</h1></div><p class="soft run">${lead}${room}</p>
      ${uploads.fileTypes === undefined ? html`<div class="alert amber">${noStore}</div>` : html`<div class="sheet narrow">${form}</div>`}
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

async function act(view: View) {
  const value = (name: string) => given(view, name).trim();
  const fields = { name: value('name'), architecture: value('architecture'), filetype: value('filetype') };
  const title = value('title');
  return submit(
    view,
    UPLOAD,
    {},
    { ...fields, ...(title === '' ? {} : { title }) },
    IMAGES_PATH,
    words.upload.done(fields.name),
  );
}

export const UPLOAD_PAGE: PageDefinition = {
  path: UPLOAD_PATH,
  access: 'admin',
  render,
  act,
  operations: [UPLOAD],
  takesFile: true,
};
