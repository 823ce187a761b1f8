// Images as small attachments.

export interface Picture {
  bytes: ArrayBuffer;
  type: string;
  /** For the preview. */
  url: string;
}

/** The longest side of an image that is sent, in pixels, and its size in bytes. */
const longestSide = 1_024;
const mostBytes = 200_000;

/** Makes an image small enough to send. Null when that is not possible. */
export async function shrink(file: File): Promise<Picture | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= mostBytes && file.type !== "image/svg+xml") return pictureOf(file);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  for (const quality of [0.85, 0.6, 0.4]) {
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (blob !== null && blob.size <= mostBytes) return pictureOf(blob);
  }
  return null;
}

async function pictureOf(blob: Blob): Promise<Picture> {
  return { bytes: await blob.arrayBuffer(), type: blob.type, url: URL.createObjectURL(blob) };
}
