// Uploads with one token by tus-js-client, or by Uppy, and notes in the page the job of each file, or what went wrong.
// window.progress: for each file the bytes that its library has told of.
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'
import { Upload } from 'tus-js-client'

const RETRY_MS = [500, 1000, 3000, 5000]
const CHUNK = 1024 * 1024
window.progress = {}

listen('#tus', (files, endpoint, headers) =>
  Promise.all(files.map((file) => new Promise((resolve, reject) => {
    const upload = new Upload(file, {
      endpoint,
      headers,
      metadata: { filename: file.name, filetype: file.type },
      retryDelays: RETRY_MS,
      onProgress: (sent) => told(file.name, sent),
      onError: reject,
      onSuccess: () => resolve(upload.url),
    })
    upload.start()
  }))),
)

listen('#uppy', async (files, endpoint, headers) => {
  const uppy = new Uppy().use(Tus, { endpoint, headers, retryDelays: RETRY_MS, chunkSize: CHUNK })
  uppy.on('upload-progress', (file, { bytesUploaded }) => told(file.name, bytesUploaded))
  uppy.addFiles(files.map((file) => ({ name: file.name, type: file.type, data: file })))
  const { successful, failed } = await uppy.upload()
  if (failed.length) throw new Error(failed.map((file) => file.error).join())
  return successful.map((file) => file.uploadURL)
})

function listen(input, upload) {
  document.querySelector(input).addEventListener('change', async ({ target }) => {
    try {
      const { url, token } = await (await fetch('upload-token', { method: 'POST' })).json()
      const headers = { Authorization: `Bearer ${token}` }
      for (const place of await upload([...target.files], `${url}/v1/uploads/resumable`, headers)) {
        const completion = `${url}/v1/uploads/${place.split('/').pop()}/completion`
        const completed = await fetch(completion, { method: 'POST', headers })
        show(completed.ok ? (await completed.json()).id : await completed.text())
      }
    } catch (error) {
      show(String(error))
    }
    document.body.append(Object.assign(document.createElement('p'), { id: 'ended', textContent: 'Ended' }))
  })
}

function told(name, sent) {
  (window.progress[name] ??= []).push(sent)
}

function show(text) {
  const item = document.createElement('li')
  item.textContent = text
  document.querySelector('ul').append(item)
}
