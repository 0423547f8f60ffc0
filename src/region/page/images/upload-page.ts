// The page that uploads the file of an image: the operation of the API with the file as `content`,
// which is written to the disk while it arrives.
//
// 1. The browser sends the form without a script; with one, the page shows how much has gone.

import { CPUS } from '../../../boot/architectures.ts';
import { html, nothing } from '../../../ground/html.ts';
import { hiddenField } from '../frame/forms.ts';
import { collectFormValues, renderControls } from '../frame/operation-form.ts';
import { renderFullPage } from '../frame/parts.ts';
import { fieldValue, type PageDefinition, submit, type View } from '../frame/view.ts';
import { words } from '../frame/words.ts';
import { IMAGES_PATH } from './image-page.ts';
import { UPLOAD_PATH } from './images-page.ts';

const UPLOAD = 'POST boot-resources';
const FIELDS = ['name', 'architecture', 'filetype', 'title'] as const;

async function renderUploadPage(view: View) {
  const { uploads } = view.region.bootImages;
  const { title, lead, noStore, broken, submit: label, ...fields } = words.upload;
  const types = uploads.fileTypes ?? [];
  const free = await view.region.bootImages.freeBytes();
  const controls = renderControls(view, UPLOAD, {
    only: [...FIELDS, 'content'],
    values: { architecture: 'amd64', filetype: 'tgz' },
    choices: {
      architecture: CPUS.map((cpu) => [cpu, cpu]),
      filetype: types.map((type) => [type, fields.kindOf(type)]),
    },
    required: ['filetype', 'content'],
  });
  const form =
    view.viewer.csrf === ''
      ? nothing
      : html`
        <form method="post" action="${UPLOAD_PATH}" enctype="multipart/form-data" class="form" data-broken="${broken}">
        ${hiddenField('csrf', view.viewer.csrf)}${controls}
        <progress aria-label="${fields.sending}" hidden></progress>
        <div class="buttons"><button class="button primary">${label}</button><a class="button plain" href="${IMAGES_PATH}">${words.forms.cancel}</a></div></form>`;
  const room = free === undefined ? nothing : html` ${words.images.free(free)}`;
  return renderFullPage(view, {
    title,
    place: 'images',
    main: html`
      <div class="bar"><h1>${title}</h1></div><p class="soft run">${lead}${room}</p>
      ${uploads.fileTypes === undefined ? html`<div class="alert amber">${noStore}</div>` : html`<div class="sheet narrow">${form}</div>`}
      <p><a href="${IMAGES_PATH}">${words.images.all}</a></p>`,
  });
}

async function actOnUpload(view: View) {
  const values = collectFormValues(view, UPLOAD, { only: FIELDS });
  return submit(view, UPLOAD, {}, values, IMAGES_PATH, words.upload.done(fieldValue(view, 'name').trim()));
}

export const UPLOAD_PAGE: PageDefinition = {
  path: UPLOAD_PATH,
  access: 'admin',
  render: renderUploadPage,
  act: actOnUpload,
  operations: [UPLOAD],
  takesFile: true,
};
