// A person's wishes for one image.

/** `delete`: the image and its import. */
export const RESOURCE_WISHES = ['import', 'pause', 'cancel', 'delete'] as const;
export type ResourceWish = (typeof RESOURCE_WISHES)[number];
