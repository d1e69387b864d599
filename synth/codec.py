"""The codec: patches' principal components as latents, a light network to decode them.

The encoder is linear, a whitened PCA of 8×8 patches as a stride-8 convolution: 8 numbers a patch
keep 36 dB of a radiograph. The decoder is the transposed convolution plus diffusers' VAE decoder
(Rombach et al., 2022), which adds what the linear code cannot hold. The latents of real images have
zero mean and unit variance by construction.
"""

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import Decoder
from torch import Tensor, nn

#: Pixels of a latent cell's side, and channels of a latent.
FACTOR, CHANNELS = 8, 8


class PatchCodec(ModelMixin, ConfigMixin):
    """Images (N, 1, H, W) in [-1, 1] to latents (N, 8, H/8, W/8) and back."""

    @register_to_config
    def __init__(
        self,
        latent_channels: int = CHANNELS,
        block_out_channels: tuple[int, ...] = (16, 32, 64, 128),
        layers_per_block: int = 1,
        norm_num_groups: int = 8,
    ) -> None:
        super().__init__()
        patch = (latent_channels, 1, FACTOR, FACTOR)
        self.register_buffer("analysis", torch.zeros(patch))
        self.register_buffer("synthesis", torch.zeros(patch))
        self.register_buffer("mean", torch.zeros(1, 1, FACTOR, FACTOR))
        self.network = Decoder(
            in_channels=latent_channels,
            out_channels=1,
            up_block_types=("UpDecoderBlock2D",) * len(block_out_channels),
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
            mid_block_add_attention=False,
        )
        nn.init.zeros_(self.network.conv_out.weight)
        nn.init.zeros_(self.network.conv_out.bias)

    def fit_patches(self, patches: Tensor) -> None:
        """Set the linear code from (P, 8, 8) real patches in [-1, 1]."""
        flat = patches.reshape(len(patches), -1).double()
        mean = flat.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
        count = self.config["latent_channels"]
        basis = vectors.flip(1)[:, :count]
        basis = basis * basis.sum(0).sign()  # eigenvectors have no sign of their own
        scale = values.flip(0)[:count].sqrt()
        shape = self.analysis.shape
        self.analysis.copy_((basis / scale).T.reshape(shape))
        self.synthesis.copy_((basis * scale).T.reshape(shape))
        self.mean.copy_(mean.reshape(self.mean.shape))

    def encode(self, images: Tensor) -> Tensor:
        """The linear code; sides must be multiples of 8."""
        bias = -(self.analysis * self.mean).sum((1, 2, 3))
        return F.conv2d(images, self.analysis, bias, stride=FACTOR)

    def decode_linear(self, latents: Tensor) -> Tensor:
        """The best linear reconstruction."""
        tiled = self.mean.tile(1, 1, latents.shape[-2], latents.shape[-1])
        return F.conv_transpose2d(latents, self.synthesis, stride=FACTOR) + tiled

    def decode(self, latents: Tensor) -> Tensor:
        """Images in about [-1, 1]."""
        return self.decode_linear(latents) + self.network(latents)
