// The pages about images and their sources.

import type { PageDefinition } from '../frame/view.ts';
import { CHOOSE_PAGE } from './choose-page.ts';
import { IMAGE_PAGE } from './image-page.ts';
import { IMAGES_PAGE } from './images-page.ts';
import { SOURCE_PAGES } from './sources-page.ts';
import { UPLOAD_PAGE } from './upload-page.ts';

export const IMAGES: readonly PageDefinition[] = [IMAGES_PAGE, IMAGE_PAGE, CHOOSE_PAGE, UPLOAD_PAGE, ...SOURCE_PAGES];
