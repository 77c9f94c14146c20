"""A linear layer that reads a class out of a sentence vector: what an encoder is asked beside likeness."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Head:
    """Multinomial logistic regression: `weights` float32 [classes, dimensions], `bias` float32 [classes]."""

    weights: Any
    bias: Any
    names: tuple[str, ...]

    def probabilities(self, vectors: Any) -> Any:
        """Probability of each class for each vector, float32 [vectors, classes]."""
        import numpy as np

        scores = vectors @ self.weights.T + self.bias
        exp = np.exp(scores - scores.max(1, keepdims=True))
        return exp / exp.sum(1, keepdims=True)

    @classmethod
    def fitted(cls, model: Any) -> "Head":
        """From a scikit-learn logistic regression of three classes or more."""
        import numpy as np

        # Contiguous: safetensors writes the memory as it lies, and the library's matrices lie transposed.
        coefficients = np.ascontiguousarray(model.coef_, np.float32)
        return cls(coefficients, np.ascontiguousarray(model.intercept_, np.float32), tuple(map(str, model.classes_)))

    def tensors(self, name: str) -> dict[str, Any]:
        """As safetensors keeps it, under a name."""
        return {name: self.weights, f"{name}_bias": self.bias}

    @classmethod
    def named(cls, tensors: dict[str, Any], name: str, names: Sequence[str]) -> "Head":
        return cls(tensors[name].astype("float32"), tensors[f"{name}_bias"].astype("float32"), tuple(names))
